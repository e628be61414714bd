"""``wireroom bench memory``: what the extract stage keeps of the articles it has seen, over very many of them."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any

import typer

from wireroom.bench.stages.bench_processes import child
from wireroom.bench.texts import with_new_words
from wireroom.cli.output import fail, json_line, out, say, table
from wireroom.local import process_memory

EX_SOFTWARE = 70
_ROUND = 500  # articles between two looks
_MB = 1024 * 1024
_ROWS = 10


@dataclass(frozen=True)
class Growth:
    """``before`` and ``after`` are the most that was resident, in MB, until and since the stage had settled."""

    before: float
    after: float
    growth: float


def bench_memory(
    articles: Annotated[int, typer.Option(min=10 * _ROUND, help="How many go through one process.")] = 100_000,
    new: Annotated[int, typer.Option(min=0, help="Words in each that no other article has.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Watch the resident memory of one process of the extract stage that is never replaced, as a worker would be.

    New words are what it could keep: with 10 in each article its pipeline is renewed every 6,000 or fewer.
    Settled is the first tenth.

    Examples: `wireroom bench memory`, `wireroom bench memory --articles 20000 --json`
    """
    say(f"{articles} articles, each with {new} words that no other has; this takes some minutes")
    began = time.perf_counter()
    samples = _watch(articles, new)
    if as_json:
        json_line(facts(samples, articles, new))
        return
    found = growth(samples, settled=articles // 10)
    steps = [max(n for n, _ in samples if n <= articles * part // _ROWS) for part in range(1, _ROWS + 1)]
    table(("articles", "MB resident"), [(n, f"{dict(samples)[n]:.0f}") for n in steps], numbers=("articles",))
    out.print(
        f"at most {found.before:.0f} MB until the {articles // 10}th, {found.after:.0f} MB since: {found.growth:+.1%}"
        f"   {articles / (time.perf_counter() - began):.0f} articles/s"
    )


def facts(samples: Sequence[tuple[int, float]], articles: int, new: int) -> dict[str, Any]:
    resident = {str(number): size for number, size in samples}
    found = asdict(growth(samples, settled=articles // 10))
    return {"v": 1, "articles": articles, "new_words": new, **found, "resident_mb": resident}


def growth(samples: Sequence[tuple[int, float]], settled: int) -> Growth:
    """Compare the most memory until an article with the most since then; samples are (articles, MB)."""
    before = max(size for number, size in samples if number <= settled)
    after = max(size for number, size in samples if number > settled)
    return Growth(before, after, after / before - 1)


def _watch(articles: int, new: int) -> list[tuple[int, float]]:
    texts, samples = with_new_words(new), []
    with child("wireroom.bench.stages.stage_process", "", "stage", as_worker=True) as stage:
        for done in range(_ROUND, articles + 1, _ROUND):
            if refused := stage.ask(list(islice(texts, _ROUND)))["refused"]:
                fail(EX_SOFTWARE, f"{refused} of {_ROUND} articles were refused, so nothing was measured")
            samples.append((done, round((process_memory.resident(stage.pid) or 0) / _MB, 1)))
            if done % (articles // _ROWS) < _ROUND:
                say(f"{done} articles: {samples[-1][1]:.0f} MB")
    return samples
