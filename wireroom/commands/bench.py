"""``wireroom bench end-to-end``: articles a second through everything, beside the extract stage alone."""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import typer

from shared.messages import ArticleIngested, ArticleSubmitted
from wireroom.commands.publish import published
from wireroom.commands.stack import say
from wireroom.connections import nats_connection
from wireroom.intake import Submission
from wireroom.local import memory
from wireroom.outcomes import follow
from wireroom.samples import sample_lines
from wireroom.terminal import json_line, table

_PATIENCE = 600.0
_MB = 1024 * 1024


@dataclass(frozen=True)
class Result:
    """Rates in articles per second; ``share`` is end to end as a part of the extract stage alone."""

    articles: int
    words_per_article: int
    extract_processes: int
    extract_alone: float
    publish: float
    end_to_end: float
    share: float
    resident_mb: dict[str, int]


def bench(
    articles: Annotated[int, typer.Option(min=20, help="How many go through.")] = 600,
    extract: Annotated[int, typer.Option(min=1, help="Services of extract, each with its workers.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure the whole path with a real broker and database in a temporary folder.

    Examples: `wireroom bench end-to-end`, `wireroom bench end-to-end --articles 2000 --extract 2 --json`
    """
    submissions = list(islice(sample_submissions(), articles))
    words = sum(len(item.body.split()) for item in submissions) // articles
    say(f"{articles} articles of {words} words on average; first the extract stage alone, in this process")
    alone = _extract_alone(submissions)
    processes = extract * _workers()
    with tempfile.TemporaryDirectory(prefix="wireroom-bench-") as folder:
        publish, end_to_end, resident = asyncio.run(_end_to_end(Path(folder), submissions, extract))
    share = end_to_end / (alone * processes)
    result = Result(articles, words, processes, alone, publish, end_to_end, share, resident)
    if as_json:
        json_line({"v": 1, **asdict(result)})
        return
    rows = [
        ("extract alone, one process", f"{result.extract_alone:.1f}"),
        (f"end to end, {processes} extract", f"{result.end_to_end:.1f}"),
        ("publish", f"{result.publish:.0f}"),
    ]
    table(("measured", "articles/s"), rows, numbers=("articles/s",))
    table(("process", "MB resident"), list(result.resident_mb.items()), numbers=("MB resident",))
    say(f"end to end is {result.share:.2f} of {processes} times the extract stage alone")


def _workers() -> int:
    from services.extract.settings import ExtractSettings  # noqa: PLC0415 - as a service reads them

    return ExtractSettings().workers


def sample_submissions() -> Iterator[ArticleSubmitted]:
    """Yield the English samples over and over without end, each an article of its own by its guid."""
    parsed = [json.loads(line) for line in sample_lines()]
    good = [item for item in parsed if item.get("language") == "en" and set(item) <= set(ArticleSubmitted.model_fields)]
    for number, item in enumerate(cycle(good)):
        yield ArticleSubmitted(**{**item, "guid": f"bench-{number}"})


def _extract_alone(submissions: list[ArticleSubmitted]) -> float:
    from services.extract import tagging  # noqa: PLC0415 - loading spaCy takes a second
    from services.extract.settings import ExtractSettings  # noqa: PLC0415
    from services.extract.worker import extract_batch  # noqa: PLC0415
    from services.ingest.identity import ingested  # noqa: PLC0415

    options, now = ExtractSettings(), datetime.now(UTC)
    raw: list[ArticleIngested] = [ingested(item, version=n, received_at=now) for n, item in enumerate(submissions, 1)]
    tagger = tagging.tagger(options)
    extract_batch(raw[: options.batch], tagger)  # the first batch fills caches
    began = time.perf_counter()
    for start in range(0, len(raw), options.batch):
        extract_batch(raw[start : start + options.batch], tagger)
    return len(raw) / (time.perf_counter() - began)


async def _end_to_end(
    folder: Path, submissions: list[ArticleSubmitted], extract: int
) -> tuple[float, float, dict[str, int]]:
    from wireroom.local.stack import running  # noqa: PLC0415 - the supervisor's imports take half a second

    items = [Submission(item.guid or "", item.model_dump_json().encode()) for item in submissions]
    async with (
        running(folder, say, extract=extract, usual_ports=False) as stack,
        nats_connection(stack.nats_url) as connection,
    ):
        js = connection.jetstream(timeout=10)
        began = time.perf_counter()
        places = await published(js, items)
        publishing = time.perf_counter() - began
        fates = await follow(js, places, patience=_PATIENCE, progress=lambda _: None)
        took = time.perf_counter() - began
        resident = {name: (memory.resident(pid) or 0) // _MB for name, pid in stack.processes.items()}
    if len(fates) < len(places):
        say(f"{len(places) - len(fates)} articles had no outcome after {_PATIENCE:.0f} s; the rate counts the others")
    return len(items) / publishing, len(fates) / took, resident
