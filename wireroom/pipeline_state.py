"""How far the pipeline has come, as the broker knows it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from shared.marks import Fate
from shared.topology import CONSUMERS, Consumer, streams
from wireroom import foreign, letters

_NEARLY_FULL = 0.9


@dataclass(frozen=True)
class ServiceState:
    """Messages a service has before it; ``oldest_seconds`` is the age of the first one it has not answered."""

    service: str
    state: str
    pending: int = 0
    unanswered: int = 0
    redelivered: int = 0
    oldest_seconds: float | None = None
    last_seconds: float | None = None  # since it answered last, as far as the broker remembers


@dataclass(frozen=True)
class StreamState:
    """What a stream holds, in bytes, and how much it takes before it refuses more."""

    name: str
    messages: int
    bytes: int
    limit: int


@dataclass(frozen=True)
class PipelineState:
    """``dead``: number of open dead letters by service and reason; ``handled``: of all others by what became of them.

    ``replay_seconds``: for how long the longest of those that were replayed waits for its service.
    """

    services: tuple[ServiceState, ...]
    streams: tuple[StreamState, ...]
    dead: dict[str, int]
    handled: dict[str, int] = field(default_factory=dict)
    replay_seconds: float | None = None
    foreign: dict[str, int] = field(default_factory=dict)  # by bucket and stream: others wrote it, readers skip it

    def findings(self, oldest: float) -> list[str]:
        """Return what a person should look at, one sentence each with what to do; ``oldest`` is in seconds."""
        found = [f"{s.service}: {s.state}. Run `wireroom setup`." for s in self.services if s.state == "missing"]
        found += [
            f"{s.service}: the oldest article waits for {s.oldest_seconds:.0f} s. Is it running, and are there enough?"
            for s in self.services
            if s.oldest_seconds is not None and s.oldest_seconds > oldest
        ]
        found += [
            f"stream {s.name} is {s.bytes / s.limit:.0%} full and will refuse more."
            for s in self.streams
            if s.bytes > _NEARLY_FULL * s.limit
        ]
        found += [f"{count} set aside as {name}. See `wireroom dead ls`." for name, count in sorted(self.dead.items())]
        if self.replay_seconds is not None and self.replay_seconds > oldest:
            waits = f"for {self.replay_seconds:.0f} s"
            found.append(f"a replayed letter waits {waits} for its service. See `wireroom dead ls --state replayed`.")
        found += [
            f"{name}: {number} skipped that no service of ours wrote. See docs/operations.md."
            for name, number in sorted(self.foreign.items())
        ]
        return found


async def look(js: JetStreamContext) -> PipelineState:
    """Ask the broker; what was never set up is told as missing."""
    services = [await _service(js, consumer) for consumer in CONSUMERS]
    held = [await _stream(js, config.name or "", config.max_bytes or 0) for config in streams()]
    dead = await letters.summary(js)
    handled = {fate.value: sum(dead.of(fate).values()) for fate in Fate if fate is not Fate.OPEN}
    return PipelineState(
        services=tuple(services),
        streams=tuple(stream for stream in held if stream),
        dead=dead.of(Fate.OPEN),
        handled={name: count for name, count in handled.items() if count},
        replay_seconds=_age(dead.replayed),
        foreign=await foreign.count(js),
    )


async def _service(js: JetStreamContext, consumer: Consumer) -> ServiceState:
    try:
        info = await js.consumer_info(consumer.stream, consumer.durable)
    except NotFoundError:
        return ServiceState(consumer.durable, "missing")
    pending, unanswered = info.num_pending or 0, info.num_ack_pending or 0
    oldest = await _oldest(js, consumer, info) if pending or unanswered else None
    state = "working" if unanswered else "waiting for a worker" if pending else "up to date"
    last = _age(info.ack_floor.last_active) if info.ack_floor else None
    return ServiceState(consumer.durable, state, pending, unanswered, info.num_redelivered or 0, oldest, last)


async def _oldest(js: JetStreamContext, consumer: Consumer, info: ConsumerInfo) -> float | None:
    floor = info.ack_floor.stream_seq if info.ack_floor else 0
    try:
        first = await js.get_msg(consumer.stream, floor + 1, subject=consumer.subject, next=True)
    except NotFoundError:
        return None  # answered in the meantime
    return _age(first.time)


async def _stream(js: JetStreamContext, name: str, limit: int) -> StreamState | None:
    try:
        info = await js.stream_info(name)
    except NotFoundError:
        return None
    return StreamState(name, info.state.messages, info.state.bytes, info.config.max_bytes or limit)


def _age(moment: datetime | None) -> float | None:
    return (datetime.now(UTC) - moment).total_seconds() if moment else None
