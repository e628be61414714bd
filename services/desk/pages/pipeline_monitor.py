"""Samples of the pipeline's state: rates, fifteen minutes of history, and what keeps each service from working.

One monitor serves all readers of the page; it looks every two seconds while somebody does and every 15 s otherwise.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.desk.settings import Probe
from shared.observability.healthcheck import why
from wireroom.ops.pipeline_status import PipelineState, ServiceState, look

log = logging.getLogger(__name__)

WATCHED = 2.0  # seconds between looks while somebody reads the page
UNWATCHED = 15.0
HISTORY = 15 * 60.0  # seconds
_FORGOTTEN = 10.0  # seconds after its last reader until it is unwatched
_RATE_OVER = 10.0  # seconds that a rate is the mean of
_LOOK_TIMEOUT = 10.0
_POINTS = 60  # of a line
_SHORTEST = 0.1  # seconds between two samples

Why = Callable[[int, str], list[str]]


@dataclass(frozen=True)
class Sample:
    """The state at a moment of the monotonic clock; ``causes``: what keeps a service from taking work, if asked."""

    at: float
    state: PipelineState
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rates:
    """Messages a second over the last ten seconds; None before there are two samples."""

    arrived: float | None = None
    answered: float | None = None


class PipelineMonitor:
    """Looks at the broker while `run` runs. Probes of services tell of their breakers."""

    def __init__(self, js: JetStreamContext, probes: Sequence[Probe] = (), ask_why: Why = why) -> None:
        self._js, self._probes, self._why = js, tuple(probes), ask_why
        self.readers = 0  # of `updates`, now
        self._samples: deque[Sample] = deque()
        self._watched_until = float("-inf")
        self._looking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Take samples until cancelled; a broker that does not answer is asked again."""
        while True:
            try:
                await self._look()
            except (NatsError, TimeoutError) as error:
                log.info("the pipeline's state is unknown: %s", error)
            self._wake.clear()
            pause = WATCHED if time.monotonic() < self._watched_until else UNWATCHED
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def latest(self) -> Sample:
        """Return a sample of the last two seconds; raises what the broker raises."""
        self._watch()
        if not self._samples or time.monotonic() - self._samples[-1].at > WATCHED:
            await self._look()
        return self._samples[-1]

    async def updates(self) -> AsyncGenerator[Sample, None]:
        """Yield the newest sample and each that follows; the same one again where the broker does not answer."""
        self.readers += 1
        try:
            while True:
                self._watch()
                if self._samples:
                    yield self._samples[-1]
                async with self._news:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), _FORGOTTEN / 2)
        finally:
            self.readers -= 1

    def rates(self, service: str) -> Rates:
        """Return how much came to a service and how much it answered, a second."""
        return rates_between(self._samples, service)

    def history(self, service: str) -> list[float]:
        """Return the backlog of a service over the last minutes, in at most 60 points, the oldest first."""
        return history_of(self._samples, service)

    def _watch(self) -> None:
        if time.monotonic() >= self._watched_until:
            self._wake.set()
        self._watched_until = time.monotonic() + _FORGOTTEN

    async def _look(self) -> None:
        async with self._looking:
            if self._samples and time.monotonic() - self._samples[-1].at < WATCHED / 2:
                return  # somebody else has just looked
            async with asyncio.timeout(_LOOK_TIMEOUT):
                state = await look(self._js)
            self._samples.append(
                Sample(time.monotonic(), state, await asyncio.to_thread(breakers, self._probes, self._why))
            )
            while self._samples[-1].at - self._samples[0].at > HISTORY:
                self._samples.popleft()
        async with self._news:
            self._news.notify_all()


def breakers(probes: Sequence[Probe], ask_why: Why = why) -> Mapping[str, tuple[str, ...]]:
    """Return by service what its processes say that keeps them from work, each cause once. Blocks."""
    found: dict[str, tuple[str, ...]] = {}
    with ThreadPoolExecutor(max(1, len(probes))) as threads:
        said = threads.map(lambda probe: ask_why(probe.port, probe.host), probes)
    for probe, causes in zip(probes, said, strict=True):
        found[probe.service] = tuple(dict.fromkeys((*found.get(probe.service, ()), *causes)))
    return found


def rates_between(samples: Sequence[Sample], service: str) -> Rates:
    """Return the rates of a service over the last ten seconds, or between the last two samples if these are older."""
    if len(samples) < 2:  # noqa: PLR2004
        return Rates()
    last = samples[-1]
    near = next(sample for sample in samples if sample is samples[-2] or last.at - sample.at <= _RATE_OVER)
    before, now = _of(near, service), _of(last, service)
    if before is None or now is None:
        return Rates()
    seconds = max(last.at - near.at, _SHORTEST)
    answered = max(0, now.answered - before.answered)
    backlog = (now.pending + now.unanswered) - (before.pending + before.unanswered)
    return Rates(max(0.0, (answered + backlog) / seconds), answered / seconds)


def history_of(samples: Iterable[Sample], service: str) -> list[float]:
    """Return the backlog of a service in at most 60 points, each the highest of its time."""
    values = [state.pending + state.unanswered for sample in samples if (state := _of(sample, service))]
    step = max(1, -(-len(values) // _POINTS))
    return [float(max(values[place : place + step])) for place in range(0, len(values), step)]


def _of(sample: Sample, service: str) -> ServiceState | None:
    return next((state for state in sample.state.services if state.service == service), None)
