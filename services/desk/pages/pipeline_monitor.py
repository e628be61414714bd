"""Samples of the pipeline's state: rates, fifteen minutes of history, and what keeps each service from working.

One monitor serves all readers of the page; it looks every two seconds while somebody does and every 15 s otherwise.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

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

Why = Callable[[int], list[str]]


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
    """Looks at the broker while `run` runs. ``health_ports`` of services on this machine tell of their breakers."""

    def __init__(self, js: JetStreamContext, health_ports: Mapping[str, int] | None = None, ask_why: Why = why) -> None:
        self._js, self._ports, self._why = js, dict(health_ports or {}), ask_why
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
        """Yield each new sample; a client reads slowly at most for as long as its connection lasts."""
        while True:
            self._watch()
            async with self._news:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), _FORGOTTEN / 2)
            if self._samples:
                yield self._samples[-1]

    def rates(self, service: str) -> Rates:
        """Return how much came to a service and how much it answered, a second."""
        samples = list(self._samples)
        if len(samples) < 2:  # noqa: PLR2004
            return Rates()
        last = samples[-1]
        first = next(sample for sample in samples if last.at - sample.at <= _RATE_OVER or sample is samples[-2])
        return _rates(_of(first, service), _of(last, service), last.at - first.at)

    def history(self, service: str) -> list[float]:
        """Return the backlog of a service over the last minutes, in at most 60 points, the oldest first."""
        values = [state.pending + state.unanswered for s in self._samples if (state := _of(s, service))]
        step = max(1, -(-len(values) // _POINTS))
        return [float(max(values[place : place + step])) for place in range(0, len(values), step)]

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
            causes = dict(await asyncio.gather(*(self._cause(service) for service in self._ports)))
            self._samples.append(Sample(time.monotonic(), state, causes))
            while self._samples[-1].at - self._samples[0].at > HISTORY:
                self._samples.popleft()
        async with self._news:
            self._news.notify_all()

    async def _cause(self, service: str) -> tuple[str, tuple[str, ...]]:
        return service, tuple(await asyncio.to_thread(self._why, self._ports[service]))


def _of(sample: Sample, service: str) -> ServiceState | None:
    return next((state for state in sample.state.services if state.service == service), None)


def _rates(first: ServiceState | None, last: ServiceState | None, seconds: float) -> Rates:
    if first is None or last is None or seconds <= 0:
        return Rates()
    answered = max(0, last.answered - first.answered)
    backlog = (last.pending + last.unanswered) - (first.pending + first.unanswered)
    return Rates(max(0.0, (answered + backlog) / seconds), answered / seconds)
