"""``wireroom demo``: the whole pipeline on sample articles, in a folder that is gone afterwards."""

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from nats.js import JetStreamContext
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from services.store import queries
from services.store.queries import Filters
from shared.messages import ArticleSubmitted
from shared.settings import Settings
from wireroom.cli.connections import mongo_articles, nats_connection
from wireroom.cli.output import SafeConsole, err, fail, one_line, out, say
from wireroom.cli.rendering import render
from wireroom.local.server_binaries import Missing
from wireroom.local.supervisor import NotStarted
from wireroom.ops import article_lookup
from wireroom.ops.outcomes import SubmissionOutcome, follow
from wireroom.samples import sample_lines

EX_PARTLY = 1
EX_UNAVAILABLE = 69
EX_INTERRUPTED = 130
_PATIENCE = 60.0  # seconds for all samples together; it takes two
_PIPED_WIDTH = 120
_MISSING = "missing"
_MOST_NAMED = 10
_REASONS = {
    "updated": "a newer version; the one before is kept",
    "duplicate": "nothing new in it",
    "superseded": "a newer version was there already; this one is kept",
}


def demo() -> None:
    """Start everything for a minute, put sample articles through it and show what becomes of them.

    Example: `wireroom demo`
    """
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="wireroom-demo-") as folder:
            complete = asyncio.run(_demo(Path(folder)))
    except (Missing, NotStarted) as error:
        fail(EX_UNAVAILABLE, str(error), lines=True)
    except KeyboardInterrupt:
        raise typer.Exit(EX_INTERRUPTED) from None
    out.print()
    out.print(f"It took {time.monotonic() - began:.0f} seconds. Keep one running: `make up` or `wireroom up`.")
    raise typer.Exit(0 if complete else EX_PARTLY)


async def _demo(folder: Path) -> bool:
    from wireroom.local.local_stack import running  # noqa: PLC0415 - it takes half a second to import

    lines = sample_lines()
    async with running(folder, say, usual_ports=False) as stack:
        settings = Settings(nats_url=stack.nats_url, mongo_url=stack.mongo_url)
        async with nats_connection(settings.nats_url) as connection:
            js = connection.jetstream(timeout=10)
            places = await _published(js, lines)
            say(f"published {len(places)} sample articles; following what becomes of them")
            found = await _processed(js, places)
        fates = [found.get(place) for place in places]
        with mongo_articles(settings) as database:
            top, stored = queries.most_named(database, _MOST_NAMED), queries.count(database, "", Filters())
            first = article_lookup.one(database, fates[0].id) if fates[0] and fates[0].id else None
    _show_fates([json.loads(line) for line in lines], fates)
    _show_entities(top)
    if first:
        out.print("\nThe first sample, and what was taken out of it:\n", lines=True)
        render(first, out, removed=True)
    return _complete(fates, stored)


async def _published(js: JetStreamContext, lines: list[bytes]) -> list[int]:
    """Publish in order, each once the one before is on the broker's disk; returns their places in INBOX."""
    subject = ArticleSubmitted.subject_pattern
    return [(await js.publish(subject, line, stream="INBOX", timeout=5)).seq for line in lines]


async def _processed(js: JetStreamContext, places: list[int]) -> dict[int, SubmissionOutcome]:
    columns = (TextColumn("processing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        bar = progress.add_task("processing", total=len(places))
        return await follow(js, places, patience=_PATIENCE, progress=lambda done: progress.update(bar, completed=done))


def _show_fates(articles: list[dict[str, Any]], fates: list[SubmissionOutcome | None]) -> None:
    rows = []
    for article, fate in zip(articles, fates, strict=True):
        shown = fate or SubmissionOutcome(_MISSING)
        reason = shown.reason or _REASONS.get(shown.outcome, "")
        rows.append((one_line(article["title"], 40), article["source"], shown.language or "", shown.outcome, reason))
    _table(("article", "source", "", "outcome", "reason"), rows)
    counted = Counter(fate.outcome if fate else _MISSING for fate in fates)
    out.print()
    out.print(f"{len(fates)} published = " + " + ".join(f"{number} {name}" for name, number in counted.items()))


def _show_entities(top: Sequence[Mapping[str, Any]]) -> None:
    rows = [(row["_id"], row["label"], str(row["mentions"]), str(row["articles"])) for row in top]
    out.print("\nMost named:\n", lines=True)
    _table(("entity", "label", "mentions", "articles"), rows)


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns also into a pipe: they are to be read by a person wherever they end up."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=heading != "reason", overflow="fold" if heading == "reason" else "ellipsis")
    for row in rows:
        table.add_row(*(Text(one_line(cell, 500)) for cell in row))
    console = out if out.is_terminal else SafeConsole(width=_PIPED_WIDTH)
    console.print(table, soft_wrap=False)


def _complete(fates: list[SubmissionOutcome | None], stored: int) -> bool:
    """Whether every sample is accounted for and the database holds just what was said to be inserted."""
    missing = fates.count(None)
    if missing:
        say(f"{missing} samples have no outcome after {_PATIENCE:.0f} s. Run it again with less going on beside it.")
    inserted = sum(fate.outcome == "inserted" for fate in fates if fate)
    if stored != inserted:
        say(f"The database holds {stored} articles, but {inserted} were said to be inserted. Please report this.")
    return not missing and stored == inserted
