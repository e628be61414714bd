"""``wireroom bench end-to-end``: articles a second through everything, beside the extract stage alone."""

import asyncio
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wireroom.bench.texts import submissions
from wireroom.cli.output import fail, json_line, out, say, table

if TYPE_CHECKING:
    from wireroom.bench.end_to_end import Measured, Plan

EX_DATA = 65


def bench(
    texts: Annotated[Path | None, typer.Argument(help="JSON Lines with `text`; else our samples.")] = None,
    articles: Annotated[int, typer.Option(min=100, help="How many go through.")] = 1200,
    extract: Annotated[int, typer.Option(min=1, help="Services of extract.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes that work in each of them.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure the whole path with a real broker and database in a temporary folder: rate, processor, memory, latency.

    The extract stage alone is measured before and after, in one process that has the machine for itself.

    Examples: `wireroom bench end-to-end`, `wireroom bench end-to-end articles.jsonl --workers 2 --json`
    """
    from wireroom.bench.end_to_end import Plan, measure  # noqa: PLC0415 - spaCy and the supervisor take seconds

    try:
        plan = Plan(list(islice(submissions(texts), articles)), extract, workers)
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{texts} is no file of JSON lines with a text in each: {error}.")
    words = sum(len(item.body.split()) for item in plan.articles) // articles
    say(f"{articles} articles of {words} words on average")
    found = asyncio.run(measure(plan, say))
    share = found.end_to_end / (found.extract_alone * plan.cores)
    if as_json:
        facts = {"articles": articles, "words_per_article": words, "extract_processes": plan.processes, "share": share}
        json_line({"v": 1, **facts, **asdict(found), "latency_ratio": found.latency.ratio})
        return
    _show(found, plan, share)


def _show(found: "Measured", plan: "Plan", share: float) -> None:
    rows = [
        ("extract alone, one process", f"{found.extract_alone:.1f}"),
        (f"end to end, {plan.processes} extract", f"{found.end_to_end:.1f}"),
        ("publish", f"{found.publish:.0f}"),
    ]
    table(("measured", "articles/s"), rows, numbers=("articles/s",))
    processes = [(name, f"{each:.2f}", found.resident_mb.get(name, "")) for name, each in found.processor_ms.items()]
    table(
        ("process", "ms of processor each", "MB resident"), processes, numbers=("ms of processor each", "MB resident")
    )
    delays = found.latency
    out.print(
        f"published to stored: {delays.one_by_one:.1f} ms one by one, {delays.ratio:.2f} times the "
        f"{delays.alone:.1f} ms of cleaning and tagging alone (medians)\n"
        f"at half load, {delays.half_load_rate:.0f}/s: p50 {delays.p50:.0f} ms, p95 {delays.p95:.0f} ms, "
        f"p99 {delays.p99:.0f} ms\n"
        f"end to end is {share:.2f} of {plan.cores} times the extract stage alone; "
        f"the workers had something to do in {found.occupied:.1%} of the time",
        lines=True,
    )
