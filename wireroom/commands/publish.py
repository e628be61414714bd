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
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.errors import Unavailable
from shared.messages import ArticleSubmitted
from shared.settings import Settings
from wireroom import intake
from wireroom.connections import nats_connection
from wireroom.terminal import err, fail, out

IN_FLIGHT = 128  # unacknowledged at once; more brings no more articles a second
_TRIES = 5
_TIMEOUT = 5.0
EX_PARTLY = 1
EX_DATA = 65
EX_UNAVAILABLE = 69

Note = Callable[[intake.Submission, int], None]


def publish(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    source: Annotated[str, typer.Option(help="Source of articles that name none.")] = "local",
    ledger: Annotated[Path | None, typer.Option(help="Append each acknowledgement here, for `wireroom audit`.")] = None,
) -> None:
    """Put articles on the queue: text, HTML, JSON, JSON Lines, folders of these, or standard input.

    Examples: `wireroom publish articles.jsonl`, `curl -s https://example.org/a | wireroom publish - --source example`
    """
    try:
        submissions = list(intake.read(intake.find(paths), source=source))
    except intake.Unreadable as error:
        fail(EX_DATA, f"{error}. Nothing was published.")
    try:
        with _ledger(ledger) as note:
            places = asyncio.run(_publish(submissions, note))
    except OSError as error:
        fail(EX_DATA, f"{ledger} cannot be written: {error.strerror}.")
    except Unavailable as outage:
        fail(EX_UNAVAILABLE, f"{outage}. Publish again: what was acknowledged already becomes a duplicate, not a copy.")
    refused = len(submissions) - len(places)
    out.print(f"acknowledged {len(places)}" + (f"   refused {refused}" if refused else ""))
    raise typer.Exit(EX_PARTLY if refused else 0)


@contextmanager
def _ledger(path: Path | None) -> Iterator[Note]:
    """Yield what notes an acknowledgement: at once, so that a ledger knows all that was taken before a power cut."""
    if path is None:
        yield lambda _submission, _place: None
        return
    with path.open("a", encoding="utf-8", buffering=1) as file:
        yield lambda submission, place: print(json.dumps({"origin": submission.origin, "sequence": place}), file=file)


async def _publish(submissions: list[intake.Submission], note: Note) -> list[int]:
    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}/s"))
    async with nats_connection(Settings().nats_url) as connection:
        with Progress(*columns, TimeElapsedColumn(), console=err, disable=not err.is_terminal) as progress:
            bar = progress.add_task("publishing", total=len(submissions), rate="-")

            def tell(submission: intake.Submission, place: int | None) -> None:
                if place:
                    note(submission, place)
                speed = progress.tasks[bar].speed
                progress.update(bar, advance=1, rate=f"{speed:,.0f}" if speed else "-")

            return await published(connection.jetstream(), submissions, tell)


async def published(
    js: JetStreamContext,
    submissions: Iterable[intake.Submission],
    tell: Callable[[intake.Submission, int | None], None] = lambda _submission, _place: None,
) -> list[int]:
    """Publish several at once and return the places in INBOX of those the broker has on disk; raises Unavailable."""
    places: list[int] = []
    left = iter(submissions)

    async def work() -> None:
        for submission in left:  # shared: each worker takes the next
            place = await _acknowledged(js, submission)
            if place:
                places.append(place)
            tell(submission, place)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return places


async def _acknowledged(js: JetStreamContext, submission: intake.Submission) -> int | None:
    """Publish until the broker has it on disk; repeating is safe because the message keeps its id."""
    headers = {"Nats-Msg-Id": f"submitted:{uuid.uuid4().hex}", "content-type": "application/json"}
    for attempt in range(1, _TRIES + 1):
        try:
            taken = await js.publish(
                ArticleSubmitted.subject_pattern, submission.data, stream="INBOX", timeout=_TIMEOUT, headers=headers
            )
        except MaxPayloadError:
            err.print(
                f"{submission.origin}: {len(submission.data):,} bytes are more than the broker takes", markup=False
            )
            return None
        except NoStreamResponseError:
            raise Unavailable("the stream INBOX", "the broker", "it was never made; run `wireroom setup`") from None
        except (NatsError, TimeoutError) as error:
            cause = str(error) or type(error).__name__
            if attempt == _TRIES:
                raise Unavailable("NATS", submission.origin, f"{cause}, {_TRIES} times") from None
            await asyncio.sleep(0.5 * attempt)
        else:
            return taken.seq
    raise AssertionError("unreachable")
