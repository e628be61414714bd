"""``wireroom publish``: puts articles on the queue and counts what the broker has on disk."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Coroutine, Iterable
from typing import Annotated

import typer
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

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


def publish(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    source: Annotated[str, typer.Option(help="Source of articles that name none.")] = "local",
) -> None:
    """Put articles on the queue: text, HTML, JSON, JSON Lines, folders of these, or standard input.

    Examples: `wireroom publish articles.jsonl`, `curl -s https://example.org/a | wireroom publish - --source example`
    """
    try:
        submissions = list(intake.read(intake.find(paths), source=source))
    except intake.Unreadable as error:
        fail(EX_DATA, f"{error}. Nothing was published.")
    counts = asyncio.run(_publish(submissions))
    refused = sum(counts.values()) - counts["acknowledged"]
    out.print(f"acknowledged {counts['acknowledged']}" + (f"   refused {refused}" if refused else ""), highlight=False)
    raise typer.Exit(EX_PARTLY if refused else 0)


async def _publish(submissions: list[intake.Submission]) -> Counter[str]:
    counts: Counter[str] = Counter()
    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}/s"))
    async with nats_connection(Settings().nats_url) as connection:
        js = connection.jetstream()
        with Progress(*columns, TimeElapsedColumn(), console=err, disable=not err.is_terminal) as progress:
            bar = progress.add_task("publishing", total=len(submissions), rate="-")

            async def one(submission: intake.Submission) -> None:
                counts[await acknowledged(js, submission)] += 1
                speed = progress.tasks[bar].speed
                progress.update(bar, advance=1, rate=f"{speed:,.0f}" if speed else "-")

            await _bounded(one(submission) for submission in submissions)
    return counts


async def acknowledged(js: JetStreamContext, submission: intake.Submission) -> str:
    """Publish until the broker has it on disk; repeating is safe because the message keeps its id."""
    headers = {"Nats-Msg-Id": f"submitted:{uuid.uuid4().hex}", "content-type": "application/json"}
    for attempt in range(1, _TRIES + 1):
        try:
            await js.publish(
                ArticleSubmitted.subject_pattern, submission.data, stream="INBOX", timeout=_TIMEOUT, headers=headers
            )
        except MaxPayloadError:
            err.print(f"{submission.origin}: {len(submission.data):,} bytes are more than the broker takes")
            return "too_large"
        except NoStreamResponseError:
            fail(EX_UNAVAILABLE, "the broker has no INBOX stream yet. Run `wireroom setup` first.")
        except (NatsError, TimeoutError) as error:
            if attempt == _TRIES:
                fail(EX_UNAVAILABLE, f"{submission.origin}: the broker did not acknowledge it: {error or 'time-out'}")
            await asyncio.sleep(0.5 * attempt)
        else:
            return "acknowledged"
    raise AssertionError("unreachable")


async def _bounded(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    slots = asyncio.Semaphore(IN_FLIGHT)
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            await slots.acquire()
            group.create_task(job).add_done_callback(lambda _: slots.release())
