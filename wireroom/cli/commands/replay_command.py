"""``wireroom replay`` and ``reprocess``: raw articles through the pipeline again, behind new ones."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.store import queries
from shared.errors import Unavailable
from shared.settings import Settings
from wireroom.cli import subject_arguments
from wireroom.cli.connections import jetstream, mongo_articles
from wireroom.cli.output import err, fail, tell
from wireroom.cli.time_arguments import since as moment
from wireroom.ops import replay as raw_replay
from wireroom.ops.replay import RawArticle

EX_NOTHING = 1
EX_UNAVAILABLE = 69

Choose = Callable[[list[RawArticle]], list[RawArticle]]
AtRate = Annotated[float | None, typer.Option(min=0.1, help="At most so many a second.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def replay(
    source: Annotated[str | None, typer.Option(callback=subject_arguments.source, help="Only this source.")] = None,
    since: Annotated[datetime | None, typer.Option(parser=moment, help="Taken since: 2h, 3d, 2026-03-01.")] = None,
    until: Annotated[datetime | None, typer.Option(parser=moment, help="Taken before that.")] = None,
    article: Annotated[str | None, typer.Option("--id", help="Only the article with this id.")] = None,
    rate: AtRate = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send raw articles through extract and store again, behind new ones; the broker keeps them for a week.

    What is stored stays as it is unless a newer pipeline makes something else of it. Repeating it is safe.

    Examples: `wireroom replay --since 2h`, `wireroom replay --source harbour-gazette --rate 20`
    """

    def choose(kept: list[RawArticle]) -> list[RawArticle]:
        return [
            item
            for item in kept
            if (since is None or item.taken_at >= since)
            and (until is None or item.taken_at < until)
            and (article is None or item.id == article)
        ]

    _, sent = _run(choose, source, rate, dry_run=dry_run)
    said = f"{'would replay' if dry_run else 'replayed'} {sent}"
    tell(said, {"would_replay" if dry_run else "replayed": sent}, as_json=as_json)
    raise typer.Exit(0 if sent else EX_NOTHING)


def reprocess(
    where: Annotated[str, typer.Option(help="Such as 'pipeline.rules < 2 and language = en'.")],
    rate: AtRate = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Replay the raw articles of stored articles that meet a condition, so that they are extracted anew.

    Fields: pipeline.rules, pipeline.model, pipeline.wireroom, language, source, entities_status. Exit code 1 if
    nothing could be sent.

    Examples: `wireroom reprocess --where 'pipeline.rules < 2'`, `wireroom reprocess --where 'pipeline.model = none'`
    """
    try:
        test = raw_replay.condition(where)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with mongo_articles(Settings()) as database:
        wanted = raw_replay.matching(queries.made_by(database), test)

    def choose(kept: list[RawArticle]) -> list[RawArticle]:
        return [item for item in kept if (item.id, item.version) in wanted]

    chosen, sent = _run(choose, None, rate, dry_run=dry_run)
    gone = len(wanted) - chosen
    said = f"{'would send' if dry_run else 'sent'} {sent} of {len(wanted)} through again"
    if gone:
        said += f"; the raw articles of {gone} have left the broker, which keeps them for a week: publish those anew"
    tell(said, {"matching": len(wanted), "sent": 0 if dry_run else sent, "raw_article_gone": gone}, as_json=as_json)
    raise typer.Exit(0 if sent else EX_NOTHING)


def _run(choose: Choose, source: str | None, rate: float | None, *, dry_run: bool) -> tuple[int, int]:
    """Return how many were chosen, and how many were sent or would be."""

    async def run() -> tuple[int, int]:
        async with jetstream() as js:
            chosen = choose(await raw_replay.raw_articles(js, source))
            return len(chosen), len(chosen) if dry_run else await _send(js, chosen, rate)

    try:
        return asyncio.run(run())
    except (Unavailable, NatsError) as outage:
        fail(EX_UNAVAILABLE, f"{outage}. Run it again: what was sent already changes nothing.")


async def _send(js: JetStreamContext, chosen: list[RawArticle], rate: float | None) -> int:
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        bar = progress.add_task("sending", total=len(chosen))
        return await raw_replay.replay(js, chosen, rate=rate, progress=lambda: progress.advance(bar))
