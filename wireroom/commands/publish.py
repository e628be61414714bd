"""``wireroom publish``: puts articles on the queue and counts what the broker has on disk."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.errors import Reason, Rejected, Unavailable
from shared.messages import ArticleSubmitted
from shared.publishing import classified
from shared.settings import Settings
from shared.topology import MAX_MESSAGE_BYTES
from wireroom import intake, subjects
from wireroom.connections import nats_connection
from wireroom.terminal import err, fail, json_line, out

IN_FLIGHT = 128  # unacknowledged at once; more brings no more articles a second
_TRIES = 5
_TIMEOUT = 5.0
EX_PARTLY = 1
EX_DATA = 65
EX_UNAVAILABLE = 69

_WHAT_TO_DO = {
    Reason.TOO_LARGE: "Split it, or send only the text of the article.",
    Reason.EMPTY_BODY: "There is nothing in it to publish.",
    Reason.UNSUPPORTED_MEDIA_TYPE: "Convert it to text or HTML first.",
    Reason.NOT_PUBLISHABLE: "Repeating it changes nothing: ask whoever runs the broker.",
}

Answer = int | Rejected  # its place in INBOX, or why it was not taken
Tell = Callable[[intake.Submission, Answer], None]


class Refusing(Exception):  # noqa: N818 - a state of the broker that may pass
    """The broker answers and takes nothing now: a full stream or disk, most likely."""


def publish(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    source: Annotated[
        str, typer.Option(callback=subjects.own_source, help="Source of articles that name none.")
    ] = "local",
    ledger: Annotated[Path | None, typer.Option(help="Append each acknowledgement here, for `wireroom audit`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per article, as each is answered.")] = False,
) -> None:
    """Put articles on the queue: text, HTML, JSON, JSON Lines, folders of these, or standard input.

    What is too large, empty or no text is refused with its reason; exit code 1 if there was any such article.

    Examples: `wireroom publish articles.jsonl`, `curl -s https://example.org/a | wireroom publish - --source example`
    """
    try:
        submissions = list(intake.read(intake.find(paths), source=source))
    except intake.Unreadable as error:
        fail(EX_DATA, f"{error}. Nothing was published.")
    try:
        with _ledger(ledger) as note:
            places = asyncio.run(_publish(submissions, lambda *answer: _told(note, *answer, as_json=as_json)))
    except BrokenPipeError:  # of standard output, and not of the ledger
        raise
    except OSError as error:
        fail(EX_DATA, f"{ledger} cannot be written: {error.strerror}.")
    except (Unavailable, Refusing) as outage:
        fail(EX_UNAVAILABLE, f"{outage}. Publish again: what was acknowledged already becomes a duplicate, not a copy.")
    refused = len(submissions) - len(places)
    if not as_json:
        out.print(f"acknowledged {len(places)}" + (f"   refused {refused}" if refused else ""))
    raise typer.Exit(EX_PARTLY if refused else 0)


@contextmanager
def _ledger(path: Path | None) -> Iterator[Callable[[str, int], None]]:
    """Yield what notes an acknowledgement: at once, so that a ledger knows all that was taken before a power cut."""
    if path is None:
        yield lambda _origin, _place: None
        return
    with path.open("a", encoding="utf-8", buffering=1) as file:
        yield lambda origin, place: print(json.dumps({"origin": origin, "sequence": place}), file=file)


def _told(note: Callable[[str, int], None], submission: intake.Submission, answer: Answer, *, as_json: bool) -> None:
    """Note an acknowledgement and name the reason of a refusal, at once: an outage may end the command later."""
    origin = submission.origin
    if isinstance(answer, int):
        note(origin, answer)
        if as_json:
            json_line({"v": 1, "origin": origin, "sequence": answer})
        return
    what_to_do = _WHAT_TO_DO.get(answer.reason, "")
    if as_json:
        refused = {"reason": answer.reason, "detail": answer.detail, "what_to_do": what_to_do}
        json_line({"v": 1, "origin": origin, "refused": refused})
    else:
        said = f"{origin}: {answer.reason}: {answer.detail}. {what_to_do}".rstrip()
        err.print(said)


async def _publish(submissions: list[intake.Submission], tell: Tell) -> list[int]:
    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}/s"))
    async with nats_connection(Settings().nats_url) as connection:
        with Progress(*columns, TimeElapsedColumn(), console=err, disable=not err.is_terminal) as progress:
            bar = progress.add_task("publishing", total=len(submissions), rate="-")

            def advance(submission: intake.Submission, answer: Answer) -> None:
                tell(submission, answer)
                speed = progress.tasks[bar].speed
                progress.update(bar, advance=1, rate=f"{speed:,.0f}" if speed else "-")

            return await published(connection.jetstream(), submissions, advance)


async def published(
    js: JetStreamContext,
    submissions: Iterable[intake.Submission],
    tell: Tell = lambda _submission, _answer: None,
) -> list[int]:
    """Publish several at once and return the places in INBOX of those the broker has on disk.

    Raises Unavailable or Refusing; ``tell`` hears of each article that was answered before.
    """
    places: list[int] = []
    left = iter(submissions)

    async def work() -> None:
        for submission in left:  # shared: each worker takes the next
            try:
                place = await _acknowledged(js, submission)
            except Rejected as refusal:
                tell(submission, refusal)
            else:
                places.append(place)
                tell(submission, place)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return places


async def _acknowledged(js: JetStreamContext, submission: intake.Submission) -> int:
    """Publish until the broker has it on disk and return its place in INBOX; raises Rejected, Unavailable or Refusing.

    Repeating is safe because the message keeps its id.
    """
    if submission.refusal:
        raise submission.refusal
    _check_size(submission.data)
    headers = {"Nats-Msg-Id": f"submitted:{uuid.uuid4().hex}", "content-type": "application/json"}
    for attempt in range(1, _TRIES + 1):
        try:
            taken = await js.publish(
                ArticleSubmitted.subject_pattern, submission.data, stream="INBOX", timeout=_TIMEOUT, headers=headers
            )
        except NoStreamResponseError:
            raise Unavailable("the stream INBOX", "the broker", "it was never made; run `wireroom setup`") from None
        except (NatsError, TimeoutError) as error:
            meaning = _meaning(error, submission)
            if attempt == _TRIES or isinstance(meaning, Rejected):
                raise meaning from None
            await asyncio.sleep(0.5 * attempt)
        else:
            return taken.seq
    raise AssertionError("unreachable")


def _check_size(data: bytes) -> None:
    if len(data) > MAX_MESSAGE_BYTES:
        limit = f"a message has at most {MAX_MESSAGE_BYTES:,}"
        raise Rejected(Reason.TOO_LARGE, f"{len(data):,} bytes; {limit}")


def _meaning(error: Exception, submission: intake.Submission) -> Rejected | Refusing | Unavailable:
    """Return Rejected for what no repetition changes; after our own check a size is only refused by a lower limit."""
    meaning = classified(error, "INBOX", submission.origin, len(submission.data))
    if isinstance(meaning, Rejected):
        lower = f"; its limit is lower than the usual {MAX_MESSAGE_BYTES:,}"
        return Rejected(meaning.reason, meaning.detail + (lower if meaning.reason is Reason.TOO_LARGE else ""))
    if isinstance(error, APIError):
        cause = f"{error.description} (code {error.err_code})"
        told = f"the broker refuses {submission.origin}, {_TRIES} times: {cause}"
        return Refusing(f"{told}. `wireroom status` shows what is full")
    return Unavailable("NATS", submission.origin, f"{str(error) or type(error).__name__}, {_TRIES} times")
