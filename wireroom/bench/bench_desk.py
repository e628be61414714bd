"""``wireroom bench desk``: the desk with generated articles: building its index, indexing, pages for readers."""

import random
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from shared.messages import ArticleExtracted, Entity, Mention, Pipeline
from wireroom.cli.output import json_line, out, say, table

if TYPE_CHECKING:
    import numpy.typing as npt

    from services.desk.index.engine import TantivyEngine
    from services.desk.index.generation import Generation

_VOCABULARY, _NAMES, _SOURCES = 40_000, 30_000, 200
_WORDS = 350  # of an article
_NAMED = 12  # entities of an article
_DAYS = 60  # over which the articles are spread
_LETTERS = "abcdefghijklmnoprstuvw"
_LABELS = ("PERSON", "ORG", "PERSON", "GPE", "ORG", "NORP")
_PIPELINE = Pipeline(wireroom="0", rules="0")
_BATCH = 200  # changes of a commit, as the desk has them under load
_LIVE = 10_000  # articles that are indexed as they come, after the others were loaded
_KINDS = ("search", "filtered", "phrase", "newest", "entity", "trends")


class Corpus:
    """Articles and queries of invented words and names, whose frequencies fall as those of languages do (Zipf)."""

    def __init__(self, seed: int, now: datetime) -> None:
        import numpy as np  # noqa: PLC0415 - only this command needs it

        self._random, self._now = random.Random(seed), now
        self._draws = np.random.default_rng(seed)
        self._words = [self._word() for _ in range(_VOCABULARY)]
        self._names = [(self._random.choice(_LABELS), f"{self._word().title()} {n}") for n in range(_NAMES)]
        self._of_words: npt.NDArray[np.float64] = np.cumsum(1 / (np.arange(_VOCABULARY) + 3))
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
        import numpy as np  # noqa: PLC0415

        other = copy(self)
        other._random = random.Random(seed)  # noqa: SLF001 - of the same class
        other._draws = np.random.default_rng(seed)  # noqa: SLF001
        return other

    def words(self, count: int) -> list[str]:
        places = self._of_words.searchsorted(self._draws.random(count) * self._of_words[-1])
        return [self._words[place] for place in places.tolist()]

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
    """What `bench_desk` found; rates are articles a second, and ``_cpu_ms`` processor milliseconds of one article.

    ``pages``: by kind how many were answered, p50, p95 and the longest in milliseconds, and the mean processor time.
    """

    articles: int
    readers: int
    loaded_per_second: float = 0.0  # as a rebuild does, without reading from MongoDB
    load_cpu_ms: float = 0.0
    indexed_per_second: float = 0.0  # as they come, in commits of 200
    index_cpu_ms: float = 0.0
    written_while_read: float = 0.0
    index_bytes: int = 0
    peak_rss_mb: int = 0
    pages: dict[str, tuple[int, float, float, float, float]] = field(default_factory=dict)


def bench_desk(
    articles: Annotated[int, typer.Option(min=1000, help="How many are indexed.")] = 500_000,
    readers: Annotated[int, typer.Option(min=1, max=64, help="That ask at once.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="For which they ask.")] = 30.0,
    rate: Annotated[int, typer.Option(min=0, help="Articles a second that are indexed meanwhile.")] = 200,
    folder: Annotated[Path | None, typer.Option(help="Keep the index there, and ask the one that is there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure the desk with generated articles: building its index, indexing, and pages for several readers at once.

    Readers make pages in threads, as the desk does, while more articles are indexed; HTTP is not part of it. The index
    is built as a rebuild does it: reading the articles from MongoDB comes on top.

    Examples: `wireroom bench desk`, `wireroom bench desk --articles 100000 --readers 4 --json`
    """
    with nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="wireroom-bench-desk-") as place:
        found = measure(Path(place or ""), Measured(articles, readers), seconds, rate)
    if as_json:
        json_line({"v": 1, **asdict(found)})
        return
    columns = ("page", "answered", "p50 ms", "p95 ms", "longest ms", "processor ms")
    rows = [(kind, *(f"{value:g}" for value in values)) for kind, values in found.pages.items()]
    table(columns, rows, numbers=columns[1:])
    loaded = f"loaded {found.loaded_per_second:.0f} a second ({found.load_cpu_ms:.2f} ms of processor each); "
    out.print(
        f"{found.articles} articles: {loaded if found.loaded_per_second else ''}"
        f"{found.index_bytes / found.articles / 1000:.1f} kB of index each; peak memory {found.peak_rss_mb} MB\n"
        f"as they come {found.indexed_per_second:.0f} a second ({found.index_cpu_ms:.2f} ms of processor each)\n"
        f"{readers} readers for {seconds:g} s while {found.written_while_read:.0f} articles a second were indexed",
        lines=True,
    )


def measure(folder: Path, found: Measured, seconds: float, rate: int) -> Measured:
    """Return what was measured; articles are generated outside the times that are taken."""
    from services.desk.index.engine import TantivyEngine  # noqa: PLC0415 - only this command needs it
    from services.desk.index.generation import Generation  # noqa: PLC0415

    corpus, generation = Corpus(1, datetime.now(UTC)), Generation(folder)
    if there := generation.count():
        say(f"{there} articles are in the index of {folder}")
        corpus = corpus.drawing(there)  # other articles than those
    live = min(_LIVE, found.articles // 2)
    if (missing := found.articles - live - there) > 0:
        with _timed() as took:
            generating = _load(generation, corpus, missing)
        found.loaded_per_second = missing / (took[0] - generating[0])
        found.load_cpu_ms = 1000 * (took[1] - generating[1]) / missing
        say(f"{missing} articles loaded")
    batches = [[corpus.article() for _ in range(_BATCH)] for _ in range(max(live // _BATCH, 1))]
    with _timed() as took:
        for batch in batches:
            generation.apply(batch)
    found.indexed_per_second = _BATCH * len(batches) / took[0]
    found.index_cpu_ms = 1000 * took[1] / (_BATCH * len(batches))
    found.articles, found.index_bytes = generation.count(), generation.bytes()
    engine = TantivyEngine(generation, time_limit=60)  # what takes longer than a desk allows is measured too
    found.pages, found.written_while_read = _read(engine, corpus, found.readers, seconds, rate)
    found.peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    generation.close()
    return found


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Yield a list that has the seconds and the processor seconds of all threads once the block has ended."""
    took: list[float] = []
    began = time.perf_counter(), time.process_time()
    yield took
    took += [time.perf_counter() - began[0], time.process_time() - began[1]]


def _load(generation: "Generation", corpus: Corpus, count: int) -> tuple[float, float]:
    """Load articles, and return the seconds and the processor seconds in which they were generated."""
    spent = [0.0, 0.0]

    def made() -> Iterator[ArticleExtracted]:
        for _ in range(count):
            began = time.perf_counter(), time.thread_time()
            article = corpus.article()
            spent[0] += time.perf_counter() - began[0]
            spent[1] += time.thread_time() - began[1]
            yield article

    generation.load(made())
    return spent[0], spent[1]


def _read(
    engine: "TantivyEngine", corpus: Corpus, readers: int, seconds: float, rate: int
) -> tuple[dict[str, tuple[int, float, float, float, float]], float]:
    """Let readers ask in turn for each kind, and index ``rate`` articles a second meanwhile."""
    asked, ended = _pages(engine), threading.Event()
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in _KINDS}
    written = [0]
    fresh = [corpus.article() for _ in range(int(rate * seconds))]

    def read(number: int) -> None:
        own, own_random = corpus.drawing(number), random.Random(number)
        while not ended.is_set():
            kind = own_random.choice(_KINDS)
            ask = asked[kind](own)
            began = time.perf_counter(), time.thread_time()
            ask()
            taken[kind].append((1000 * (time.perf_counter() - began[0]), 1000 * (time.thread_time() - began[1])))

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


def _pages(engine: "TantivyEngine") -> Mapping[str, Callable[[Corpus], Callable[[], object]]]:
    """Return for each kind of page what makes a request of it; making that is not measured."""
    from starlette.requests import Request  # noqa: PLC0415

    from services.desk.pages.handlers.entity_pages import EntityPages  # noqa: PLC0415
    from services.desk.pages.handlers.search_page import SearchPage  # noqa: PLC0415
    from services.desk.pages.page_errors import PageError  # noqa: PLC0415
    from services.desk.pages.page_renderer import Renderer  # noqa: PLC0415

    renderer = Renderer()
    search, entities = SearchPage(engine, renderer), EntityPages(engine, renderer)

    def request(path: Mapping[str, str] | None = None, /, **query: str) -> Request:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "path_params": path or {}}
        return Request({**scope, "query_string": urlencode(query).encode()})

    def entity(corpus: Corpus) -> Callable[[], object]:
        label, name = corpus.name()
        asked = request({"label": label, "name": name})

        def ask() -> None:
            with suppress(PageError):  # no article names it
                entities.show(asked)

        return ask

    def searching(words: Callable[[Corpus], str], **filters: str) -> Callable[[Corpus], Callable[[], object]]:
        def made(corpus: Corpus) -> Callable[[], object]:
            asked = request(q=words(corpus), **filters)
            return lambda: search.show(asked)

        return made

    made = (
        searching(lambda corpus: " ".join(corpus.words(2))),
        searching(lambda corpus: corpus.words(1)[0], source="source-3", language="en"),
        searching(lambda corpus: f'"{" ".join(corpus.words(2))}"'),
        searching(lambda _: ""),
        entity,
        lambda _: lambda: entities.trends(request()),
    )
    return dict(zip(_KINDS, made, strict=True))


def _spread(values: list[tuple[float, float]]) -> tuple[int, float, float, float, float]:
    ordered = sorted(wall for wall, _ in values)
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95)]
    processor = statistics.fmean(cpu for _, cpu in values)
    return len(ordered), round(at[0], 1), round(at[1], 1), round(ordered[-1], 1), round(processor, 1)
