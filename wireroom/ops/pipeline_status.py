"""How far the pipeline has come, as the broker knows it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from services.ingest.feeds import registry, schedule
from shared.broker.dead_letter_status import DeadLetterState
from shared.topology import CONSUMERS, Consumer, buckets, streams
from wireroom.ops import dead_letter_queue
from wireroom.ops import foreign_values as foreign
from wireroom.ops.consumer_status import (
    STILL,
    ReaderState,
    durables,
    expiring_letters,
    expiring_work,
    is_service,
    last_progress,
    oldest_unread,
)

_NEARLY_FULL = 0.9
_FULL = 0.995  # what is left takes no article of usual size


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
    asking: int = 0  # pull requests that wait at the broker: one for each process that has room for more
    answered: int = 0  # deliveries since it exists, all of them answered: for rates
    still_seconds: float | None = None  # since it was given or answered something, where nobody asks for what waits
    delivered: int = 0  # deliveries since the consumer was made; a message that comes again counts again


@dataclass(frozen=True)
class StreamState:
    """What a stream holds, in bytes, and how much it takes before it refuses more."""

    name: str
    messages: int
    bytes: int
    limit: int

    @property
    def shown(self) -> str:
        return f"bucket {self.name.removeprefix('KV_')}" if self.name.startswith("KV_") else f"stream {self.name}"

    def findings(self) -> list[str]:
        if self.limit <= 0 or self.bytes <= _NEARLY_FULL * self.limit:
            return []
        will = "refuses" if self.bytes > _FULL * self.limit else "will refuse"
        return [f"{self.shown} is {self.bytes / self.limit:.0%} full and {will} more."]


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
    readers: tuple[ReaderState, ...] = ()  # durables of others; those of services downstream are among the services
    feeds: tuple[str, ...] = ()  # that are no longer polled or strangely quiet, one sentence each
    expiring: tuple[str, ...] = ()  # what leaves a stream unread before long, one sentence each

    def findings(self, oldest: float) -> list[str]:
        """Return what a person should look at, one sentence each with what to do; ``oldest`` is in seconds."""
        found = [f"{s.service}: {s.state}. Run `wireroom setup`." for s in self.services if s.state == "missing"]
        found += [
            f"{s.service}: the oldest article waits for {s.oldest_seconds:.0f} s. Is it running, and are there enough?"
            for s in self.services
            if s.oldest_seconds is not None and s.oldest_seconds > oldest
        ]
        found += [
            f"{s.service}: work waits, no process asks for it, and nothing was done for {s.still_seconds:.0f} s. "
            "It is not running, stands still, or waits for what its /readyz names."
            for s in self.services
            if s.still_seconds is not None and s.still_seconds > STILL
        ]
        found += [*self.feeds, *self.expiring, *(finding for reader in self.readers for finding in reader.findings())]
        found += [finding for stream in self.streams for finding in stream.findings()]
        found += [
            f"{count} dead-lettered as {name}. See `wireroom dead ls`." for name, count in sorted(self.dead.items())
        ]
        if self.replay_seconds is not None and self.replay_seconds > oldest:
            waits = f"for {self.replay_seconds:.0f} s"
            found.append(
                f"a replayed dead letter waits {waits} for its service. See `wireroom dead ls --state replayed`."
            )
        found += [
            f"{name}: {number} skipped that no service of ours wrote. See docs/operations.md."
            for name, number in sorted(self.foreign.items())
        ]
        return found


async def look(js: JetStreamContext) -> PipelineState:
    """Ask the broker; what was never set up is told as missing."""
    services = [await _service(js, consumer) for consumer in CONSUMERS]
    others = await durables(js)
    downstream = [(info, reader) for info, reader in others if is_service(info)]
    services += [_state(info, reader.oldest_seconds) for info, reader in downstream]
    losing = [finding for _, reader in downstream for finding in reader.findings(ours=True)]
    names = [str(config.name) for config in streams()] + [f"KV_{bucket.bucket}" for bucket in buckets()]
    held = [await _stream(js, name) for name in names]
    letters_expire = await expiring_letters(js)
    dead = await dead_letter_queue.summary(js)
    handled = {
        state.value: sum(dead.of(state).values()) for state in DeadLetterState if state is not DeadLetterState.OPEN
    }
    return PipelineState(
        services=tuple(services),
        streams=tuple(stream for stream in held if stream),
        dead=dead.of(DeadLetterState.OPEN),
        handled={name: count for name, count in handled.items() if count},
        replay_seconds=_age(dead.replayed),
        foreign=await foreign.count(js),
        readers=tuple(reader for info, reader in others if not is_service(info)),
        feeds=tuple(schedule.findings((await registry.everything(js)).values.values(), datetime.now(UTC))),
        expiring=(*await expiring_work(js), *losing, *([letters_expire] if letters_expire else [])),
    )


async def _service(js: JetStreamContext, consumer: Consumer) -> ServiceState:
    try:
        info = await js.consumer_info(consumer.stream, consumer.durable)
    except NotFoundError:
        return ServiceState(consumer.durable, "missing")
    return _state(info, await oldest_unread(js, info))


def _state(info: ConsumerInfo, oldest: float | None) -> ServiceState:
    pending, unanswered, asking = info.num_pending or 0, info.num_ack_pending or 0, info.num_waiting or 0
    state = "working" if unanswered else "waiting for a worker" if pending else "up to date"
    still = last_progress(info) or (datetime.now(UTC) - info.created).total_seconds()
    return ServiceState(
        service=info.name,
        state=state,
        pending=pending,
        unanswered=unanswered,
        redelivered=info.num_redelivered or 0,
        oldest_seconds=oldest,
        last_seconds=_age(info.ack_floor.last_active) if info.ack_floor else None,
        asking=asking,
        answered=info.ack_floor.consumer_seq if info.ack_floor else 0,
        still_seconds=still if (pending or unanswered) and not asking else None,
        delivered=info.delivered.consumer_seq if info.delivered else 0,
    )


async def _stream(js: JetStreamContext, name: str) -> StreamState | None:
    try:
        info = await js.stream_info(name)
    except NotFoundError:
        return None
    return StreamState(name, info.state.messages, info.state.bytes, info.config.max_bytes or 0)


def _age(moment: datetime | None) -> float | None:
    return (datetime.now(UTC) - moment).total_seconds() if moment else None
