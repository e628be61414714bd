"""``wireroom bench desk``: the desk's index with generated articles: indexing, queries of several readers, rebuild."""

import random
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.messages import ArticleExtracted, Entity, Mention, Pipeline
from wireroom.cli.output import json_line, out, say, table

if TYPE_CHECKING:
    from services.desk.index.engine import TantivyEngine
    from services.desk.index.generation import Generation

_VOCABULARY, _NAMES, _SOURCES = 40_000, 30_000, 200
_WORDS = 350  # of an article
_NAMED = 12  # entities of an article
_DAYS = 60  # over which the articles are spread
_LETTERS = "abcdefghijklmnoprstuvw"
_LABELS = ("PERSON", "ORG", "PERSON", "GPE", "ORG", "NORP")
_PIPELINE = Pipeline(wireroom="0", rules="0")
_BATCH = 500
_KINDS = ("search", "filtered", "phrase", "newest", "entity", "trends")


class Corpus:
    """Articles and queries of invented words and names, whose frequencies fall as those of languages do (Zipf)."""

    def __init__(self, seed: int, now: datetime) -> None:
        self._random, self._now = random.Random(seed), now
        self._words = [self._word() for _ in range(_VOCABULARY)]
        self._names = [(self._random.choice(_LABELS), f"{self._word().title()} {n}") for n in range(_NAMES)]
        self._of_words = [*accumulate(1 / (rank + 3) for rank in range(_VOCABULARY))]
        self._of_names = [*accumulate(1 / (rank + 20) for rank in range(_NAMES))]
        self._numbers = iter(range(1, 10**9))

    def article(self) -> ArticleExtracted:
        chance, number = self._random, next(self._numbers)
        words = self.words(_WORDS)
        entities = dict.fromkeys(chance.choices(self._names, cum_weights=self._of_names, k=_NAMED))
        return ArticleExtracted(
            id=f"{chance.getrandbits(128):032x}",
            version=number,
            content_hash=f"{number:064x}",
            source=f"source-{min(int(chance.expovariate(0.05)), _SOURCES)}",
            received_at=self._now,
            published_at=self._now - timedelta(seconds=chance.random() * _DAYS * 86_400),
            language=chance.choice(("en", "en", "en", "de", "fr")),
            title=" ".join(words[:8]),
            paragraphs=(" ".join(words[: _WORDS // 2]), " ".join(words[_WORDS // 2 :])),
            entities=tuple(self._entity(label, name) for label, name in entities),
            pipeline=_PIPELINE,
        )

    def drawing(self, seed: int) -> "Corpus":
        """Return the same words and names, drawn in another order."""
        other = copy(self)
        other._random = random.Random(seed)  # noqa: SLF001 - of the same class
        return other

    def words(self, count: int) -> list[str]:
        return self._random.choices(self._words, cum_weights=self._of_words, k=count)

    def name(self) -> tuple[str, str]:
        return self._random.choices(self._names, cum_weights=self._of_names)[0]

    def _word(self) -> str:
        return "".join(self._random.choices(_LETTERS, k=self._random.randint(3, 10)))

    def _entity(self, label: str, name: str) -> Entity:
        alias = (name.split(maxsplit=1)[0],) if self._random.random() < 1 / 3 else ()
        mention = Mention(start=0, end=len(name), text=name)
        return Entity(name=name, label=label, count=1, aliases=alias, salience=0.5, mentions=(mention,))


@dataclass
class Measured:
    """Rates are articles a second; ``milliseconds`` of queries by kind: count, p50, p95 and the longest."""

    articles: int
    readers: int
    indexed_per_second: float = 0.0
    rebuilt_per_second: float = 0.0
    rebuild_seconds: float = 0.0
    written_while_read: float = 0.0  # a second
    index_bytes: int = 0
    peak_rss_mb: int = 0
    milliseconds: dict[str, tuple[int, float, float, float]] = field(default_factory=dict)


def bench_desk(
    articles: Annotated[int, typer.Option(min=1000, help="How many are indexed.")] = 500_000,
    readers: Annotated[int, typer.Option(min=1, max=64, help="That ask at once.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="For which they ask.")] = 30.0,
    rate: Annotated[int, typer.Option(min=0, help="Articles a second that are indexed meanwhile.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure the desk's index with generated articles: indexing, queries of several readers at once, a rebuild.

    Readers ask the engine in threads, as the desk does, while more articles are indexed. The rebuild reads the articles
    from the index itself; from MongoDB it takes as long as reading that takes besides.

    Examples: `wireroom bench desk`, `wireroom bench desk --articles 100000 --readers 4 --json`
    """
    with tempfile.TemporaryDirectory(prefix="wireroom-bench-desk-") as folder:
        found = measure(Path(folder), Measured(articles, readers), seconds, rate)
    if as_json:
        json_line({"v": 1, **asdict(found)})
        return
    rows = [(kind, *(f"{value:g}" for value in values)) for kind, values in found.milliseconds.items()]
    table(
        ("query", "asked", "p50 ms", "p95 ms", "longest ms"), rows, numbers=("asked", "p50 ms", "p95 ms", "longest ms")
    )
    out.print(
        f"{articles} articles: {found.indexed_per_second:.0f} indexed a second; "
        f"{found.index_bytes / articles / 1000:.1f} kB of index each; peak memory {found.peak_rss_mb} MB\n"
        f"{readers} readers for {seconds:g} s while {found.written_while_read:.0f} articles a second were indexed\n"
        f"rebuilt in {found.rebuild_seconds:.0f} s, {found.rebuilt_per_second:.0f} a second",
        lines=True,
    )


def measure(folder: Path, found: Measured, seconds: float, rate: int) -> Measured:
    """Return what was measured; articles are generated outside the times that are taken."""
    from services.desk.index.engine import TantivyEngine  # noqa: PLC0415 - only this command needs it
    from services.desk.index.generation import Generation  # noqa: PLC0415

    corpus = Corpus(1, datetime.now(UTC))
    generation, spent = Generation(folder / "1"), 0.0
    for start in range(0, found.articles, _BATCH):
        batch = [corpus.article() for _ in range(min(_BATCH, found.articles - start))]
        began = time.perf_counter()
        generation.apply(batch)
        spent += time.perf_counter() - began
    found.indexed_per_second = found.articles / spent
    found.index_bytes = generation.bytes()
    say(f"{found.articles} articles indexed")
    engine = TantivyEngine(generation, time_limit=60)  # what takes longer than a desk allows is measured too
    found.milliseconds, found.written_while_read = _read(engine, corpus, found.readers, seconds, rate)
    found.peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    began, fresh = time.perf_counter(), Generation(folder / "2")
    count = fresh.load(_articles(generation))
    found.rebuild_seconds = time.perf_counter() - began
    found.rebuilt_per_second = count / found.rebuild_seconds
    for each in (generation, fresh):
        each.close()
    return found


def _articles(generation: "Generation") -> Iterator[ArticleExtracted]:
    searcher = generation.searcher()
    yield from filter(None, (generation.find(searcher, article_id) for article_id in generation.versions()))


def _read(
    engine: "TantivyEngine", corpus: Corpus, readers: int, seconds: float, rate: int
) -> tuple[dict[str, tuple[int, float, float, float]], float]:
    """Let readers ask in turn for each kind, and index ``rate`` articles a second meanwhile."""
    asked, ended = _queries(engine), threading.Event()
    taken: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    written = [0]
    fresh = [corpus.article() for _ in range(int(rate * seconds))]

    def read(number: int) -> None:
        own, own_random = corpus.drawing(number), random.Random(number)
        while not ended.is_set():
            kind = own_random.choice(_KINDS)
            query = asked[kind](own)
            began = time.perf_counter()
            query()
            taken[kind].append(1000 * (time.perf_counter() - began))

    def write() -> None:
        size = max(rate // 2, 1)
        for start in range(0, len(fresh), size):
            batch = fresh[start : start + size]
            if ended.is_set():
                return
            began = time.perf_counter()
            engine.generation.apply(batch)
            written[0] += len(batch)
            ended.wait(max(0.5 - (time.perf_counter() - began), 0))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()
    ended.wait(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    return {kind: _spread(values) for kind, values in taken.items() if values}, written[0] / seconds


def _queries(engine: "TantivyEngine") -> Mapping[str, Callable[[Corpus], Callable[[], object]]]:
    """Return for each kind what makes a query; making it is not measured."""
    from services.desk.search_engine import Query  # noqa: PLC0415

    def words(corpus: Corpus) -> Callable[[], object]:
        query = Query(" ".join(corpus.words(2)))
        return lambda: engine.search(query)

    def filtered(corpus: Corpus) -> Callable[[], object]:
        query = Query(corpus.words(1)[0], sources=("source-3",), languages=("en",))
        return lambda: engine.search(query)

    def phrase(corpus: Corpus) -> Callable[[], object]:
        query = Query(f'"{" ".join(corpus.words(2))}"')
        return lambda: engine.search(query)

    def entity(corpus: Corpus) -> Callable[[], object]:
        label, name = corpus.name()
        return lambda: engine.entity(label, name)

    def newest(_: Corpus) -> Callable[[], object]:
        return lambda: engine.search(Query(), sort="newest")

    def trends(_: Corpus) -> Callable[[], object]:
        return lambda: engine.trends(datetime.now(UTC), period="day")

    made = (words, filtered, phrase, newest, entity, trends)
    return dict(zip(_KINDS, made, strict=True))


def _spread(values: list[float]) -> tuple[int, float, float, float]:
    ordered = sorted(values)
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95)]
    return len(ordered), round(at[0], 1), round(at[1], 1), round(ordered[-1], 1)
