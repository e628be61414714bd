"""The pipeline looked at again and again: what each service takes in and answers a second, and what it holds."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from wireroom.ops.pipeline_status import PipelineState, ServiceState, look

_LONGEST = 10.0  # seconds for one look: a broker that does not answer is told, and asked again


@dataclass(frozen=True)
class StageView:
    """One service; rates are messages a second since the look before, None at the first."""

    stage: str
    state: str
    arrived: float | None
    answered: float | None  # a try that failed and comes again is no answer
    waiting: int
    in_flight: int
    redelivered: int
    oldest_seconds: float | None
    dead: int  # open dead letters


@dataclass(frozen=True)
class Look:
    """What was seen at one moment; ``error`` says why nothing was."""

    at: datetime
    stages: tuple[StageView, ...] = ()
    pipeline: PipelineState | None = None
    error: str | None = None


async def looks(js: JetStreamContext, every: float) -> AsyncIterator[Look]:
    """Yield a look every so many seconds, without an end; one that the broker does not answer has its error."""
    before: PipelineState | None = None
    seen = monotonic()
    while True:
        began = monotonic()
        try:
            async with asyncio.timeout(_LONGEST):
                pipeline = await look(js)
        except (NatsError, TimeoutError, OSError) as error:
            yield Look(datetime.now(UTC), error=str(error) or type(error).__name__)
        else:
            now = monotonic()
            yield Look(datetime.now(UTC), stage_views(before, pipeline, now - seen), pipeline)
            before, seen = pipeline, now
        await asyncio.sleep(max(every - (monotonic() - began), 0.0))


def stage_views(before: PipelineState | None, now: PipelineState, seconds: float) -> tuple[StageView, ...]:
    """Return every service of a look, with its rates since the one before."""
    earlier: Mapping[str, ServiceState] = {each.service: each for each in before.services} if before else {}
    return tuple(_view(each, earlier.get(each.service), now.dead, seconds) for each in now.services)


def _view(now: ServiceState, before: ServiceState | None, dead: Mapping[str, int], seconds: float) -> StageView:
    known = before is not None and seconds > 0 and before.state != "missing" and now.delivered >= before.delivered
    arrived = answered = None
    if known and before is not None:
        answered = max(_answered(now) - _answered(before), 0) / seconds
        arrived = max(_answered(now) + _open(now) - _answered(before) - _open(before), 0) / seconds
    return StageView(
        stage=now.service,
        state=now.state,
        arrived=arrived,
        answered=answered,
        waiting=now.pending,
        in_flight=now.unanswered,
        redelivered=now.redelivered,
        oldest_seconds=now.oldest_seconds,
        dead=sum(count for name, count in dead.items() if name.partition(" ")[0] == now.service),
    )


def _answered(service: ServiceState) -> int:
    return service.delivered - service.unanswered


def _open(service: ServiceState) -> int:
    return service.pending + service.unanswered
