"""The whole path on a stack of its own: articles a second, what each process takes for it, and how long one needs."""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from nats.js import JetStreamContext

from services.extract.blas import kernels
from shared.messages import ArticleSubmitted
from wireroom.bench import cpu_time, latency
from wireroom.cli.connections import nats_connection
from wireroom.local import process_memory
from wireroom.local.local_stack import Stack, running
from wireroom.local.supervisor import Say
from wireroom.ops.outcomes import follow
from wireroom.publisher.sender import published
from wireroom.publisher.submissions import Submission

if TYPE_CHECKING:
    from wireroom.bench.stages.stage_in_process import Alone

_PUBLISHER = "publisher"  # this process, which also waits for what becomes of each
_PATIENCE = 600.0
_MB = 1024 * 1024
_WARM = 64  # articles that fill caches and open files; not measured
_ONE_BY_ONE = 100  # articles
_AT_HALF_LOAD = 20.0  # seconds


@dataclass(frozen=True)
class Plan:
    """``workers`` is what each of the ``extract`` services has."""

    articles: Sequence[ArticleSubmitted]
    extract: int = 1
    workers: int = 1

    @property
    def processes(self) -> int:
        return self.extract * self.workers

    @property
    def cores(self) -> int:
        """Return how many of them can work at once on this machine."""
        return min(self.processes, len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Latency:
    """Milliseconds from publishing to stored; ``alone`` is the median of cleaning and tagging the same by itself."""

    one_by_one: float
    alone: float
    half_load_rate: float
    p50: float
    p95: float
    p99: float

    @property
    def ratio(self) -> float:
        return self.one_by_one / self.alone


@dataclass(frozen=True)
class Measured:
    """Articles a second, and by process what an article takes of the processor and the memory at the end.

    ``occupied`` is the share of the time in which the workers had something to do, whether they got a core or not.
    """

    publish: float
    end_to_end: float
    extract_alone: float
    occupied: float
    processor_ms: dict[str, float]
    resident_mb: dict[str, int]
    latency: Latency


async def measure(plan: Plan, say: Say) -> Measured:
    """Raise RuntimeError if an article is not stored."""
    os.environ["WIREROOM_EXTRACT_WORKERS"] = str(plan.workers)
    alone = _alone(plan.articles)
    before = alone.rate()
    with tempfile.TemporaryDirectory(prefix="wireroom-bench-") as folder:
        async with (
            running(Path(folder), say, extract=plan.extract, usual_ports=False) as stack,
            nats_connection(stack.nats_url) as connection,
        ):
            js = connection.jetstream(timeout=10)
            await _through(js, _submissions(plan.articles[:_WARM], "warm"))
            occupied = _occupied(stack)
            publish, rate, spent = await _at_once(stack, js, plan.articles)
            occupied = (_occupied(stack) - occupied) * rate / len(plan.articles) / plan.processes
            resident = {name: (process_memory.resident(pid) or 0) // _MB for name, pid in stack.processes.items()}
            delays = await _delays(js, plan.articles, alone, rate)
    # before and after: a machine that other guests share is not as fast now as it was a minute ago
    return Measured(publish, rate, statistics.mean((before, alone.rate())), occupied, spent, resident, delays)


async def _at_once(
    stack: Stack, js: JetStreamContext, articles: Sequence[ArticleSubmitted]
) -> tuple[float, float, dict[str, float]]:
    before = _spent(stack)
    publishing, took = await _through(js, _submissions(articles, "all"))
    each = {name: 1000 * (seconds - before[name]) / len(articles) for name, seconds in _spent(stack).items()}
    return len(articles) / publishing, len(articles) / took, each


def _occupied(stack: Stack) -> float:
    return sum(cpu_time.occupied(pid) for name, pid in stack.processes.items() if name.startswith("extract"))


def _spent(stack: Stack) -> dict[str, float]:
    return cpu_time.by_process(stack.processes) | {_PUBLISHER: cpu_time.seconds(os.getpid())}


async def _through(js: JetStreamContext, submissions: Sequence[Submission]) -> tuple[float, float]:
    """Return the seconds until all were acknowledged, and until all were stored."""
    began = time.perf_counter()
    places = await published(js, submissions)
    publishing = time.perf_counter() - began
    fates = await follow(js, places, patience=_PATIENCE, progress=lambda _: None)
    took = time.perf_counter() - began
    if len(fates) < len(submissions):
        raise RuntimeError(f"{len(submissions) - len(fates)} articles had no outcome after {_PATIENCE:.0f} s")
    return publishing, took


def _alone(articles: Sequence[ArticleSubmitted]) -> "Alone":
    """Return the stage in this process, with the kernels of a worker: numpy reads them when it is first imported."""
    os.environ.update(kernels(os.environ))
    from wireroom.bench.stages.stage_in_process import Alone  # noqa: PLC0415 - numpy

    return Alone(articles, _WARM)


async def _delays(js: JetStreamContext, articles: Sequence[ArticleSubmitted], alone: "Alone", rate: float) -> Latency:
    through, by_itself = await latency.one_by_one(js, _submissions(articles[:_ONE_BY_ONE], "one"), alone.seconds)
    some = list(islice(articles, int(rate / 2 * _AT_HALF_LOAD)))
    loaded = await latency.at_rate(js, _submissions(some, "half"), rate / 2)
    p50, p95, p99 = (1000 * latency.percentile(loaded, percent) for percent in (50, 95, 99))
    return Latency(1000 * statistics.median(through), 1000 * statistics.median(by_itself), rate / 2, p50, p95, p99)


def _submissions(articles: Sequence[ArticleSubmitted], name: str) -> list[Submission]:
    """Return them as articles of their own: what was stored before is no measure."""
    made = (article.model_copy(update={"guid": f"{name}-{article.guid}"}) for article in articles)
    return [Submission(item.guid or "", item.model_dump_json().encode()) for item in made]
