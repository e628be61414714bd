"""Who reads the streams, as the broker knows them: durables of ours and of others, and when they lose something."""

from dataclasses import dataclass
from datetime import UTC, datetime

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, StreamConfig
from nats.js.errors import NotFoundError

from shared.broker.dead_letter_status import DeadLetterState
from shared.limits import age_text
from shared.topology import CONSUMERS, KEEP, SERVICE, Consumer, streams
from wireroom.ops import dead_letter_queue
from wireroom.ops.dead_letter_queue import Choice

STILL = 60.0  # seconds without progress until work that nobody asks for is a finding
_SHARE = 0.5  # of the time that something is kept
_OURS = {(consumer.stream, consumer.durable) for consumer in CONSUMERS}


@dataclass(frozen=True)
class ReaderState:
    """A durable that ``wireroom setup`` does not declare. ``seconds_left``: for how long its oldest unread is kept."""

    stream: str
    durable: str
    pending: int
    unanswered: int
    asking: int  # pull requests that wait at the broker; a subscriber that is pushed to counts as one
    last_seconds: float | None
    oldest_seconds: float | None
    seconds_left: float | None

    def findings(self, *, ours: bool = False) -> list[str]:
        """Say where something unread leaves the stream before long; ``ours``: a service of ours reads it."""
        if self.seconds_left is None or self.oldest_seconds is None:
            return []
        if self.oldest_seconds > _SHARE * (self.oldest_seconds + self.seconds_left):
            left = (
                f"{_rounded(self.seconds_left)} left until they go" if self.seconds_left > 0 else "and loses them now"
            )
            waits = f"{self.pending + self.unanswered} messages unread, the oldest for {_rounded(self.oldest_seconds)}"
            who = self.durable if ours else f"{self.durable}, which reads {self.stream} and is not ours,"
            return [f"{who} has {waits}, {left}."]
        return []


async def durables(js: JetStreamContext) -> list[tuple[ConsumerInfo, ReaderState]]:
    """Return the durables on our streams that ``wireroom setup`` does not declare."""
    found: list[tuple[ConsumerInfo, ReaderState]] = []
    for stream in streams():
        name = str(stream.name)
        try:
            config = (await js.stream_info(name)).config
        except NotFoundError:
            continue
        theirs = [i for i in await _all(js, name) if i.config.durable_name and (name, i.name) not in _OURS]
        found += [(info, await _reader(js, info, kept_for(config))) for info in theirs]
    return found


def is_service(info: ConsumerInfo) -> bool:
    """Tell whether a service of our runtime has declared a durable, such as the desk."""
    return SERVICE in (info.config.metadata or {})


def kept_for(config: StreamConfig) -> float | None:
    """Return for how many seconds a stream keeps a message that services of ours have read."""
    ages = [float((config.metadata or {}).get(KEEP, 0)), config.max_age or 0]
    return min((age for age in ages if age), default=None)


def last_progress(info: ConsumerInfo) -> float | None:
    """Return how many seconds ago it was last given something, or answered something."""
    moments = [place.last_active for place in (info.delivered, info.ack_floor) if place and place.last_active]
    return (datetime.now(UTC) - max(moments)).total_seconds() if moments else None


async def oldest_unread(js: JetStreamContext, info: ConsumerInfo) -> float | None:
    """Return the age in seconds of the first message that a durable has not answered."""
    if not info.num_pending and not info.num_ack_pending:
        return None
    sequence = (info.ack_floor.stream_seq if info.ack_floor else 0) + 1
    subjects = info.config.filter_subjects or [info.config.filter_subject or ">"]
    moments = []
    for subject in subjects:
        try:
            first = await js.get_msg(info.stream_name, sequence, subject=subject, next=True)
        except NotFoundError:
            continue  # answered in the meantime
        moments += [first.time] if first.time else []
    return (datetime.now(UTC) - min(moments)).total_seconds() if moments else None


async def expiring_letters(js: JetStreamContext) -> str | None:
    """Say how long the oldest open dead letter is kept, once more than half of that is over."""
    try:
        age = (await js.stream_info(dead_letter_queue.STREAM)).config.max_age
    except NotFoundError:
        return None
    async for letter, _ in dead_letter_queue.choose(js, Choice(states={DeadLetterState.OPEN})):
        old = (datetime.now(UTC) - letter.at).total_seconds()
        if age and old > _SHARE * age:
            left = _rounded(age - old)
            return (
                f"open dead letters expire: the oldest has {left} left. `wireroom dead export` or `dead replay` them."
            )
        return None
    return None


async def expiring_work(js: JetStreamContext) -> list[str]:
    """Name what services of ours have not read for long, and streams whose own age would delete it."""
    found = []
    for consumer in CONSUMERS:
        try:
            config = (await js.stream_info(consumer.stream)).config
            info = await js.consumer_info(consumer.stream, consumer.durable)
        except NotFoundError:
            continue
        if told := _expiring(config, consumer, await oldest_unread(js, info) or 0.0):
            found.append(told)
    return found


def _expiring(config: StreamConfig, consumer: Consumer, old: float) -> str | None:
    stream, service = consumer.stream, consumer.durable
    if config.max_age:
        said = f"stream {stream} deletes after {age_text(config.max_age)} what {service} has not read"
        return f"{said}, the oldest in {_rounded(config.max_age - old)}. Run `wireroom setup`."
    if (keep := kept_for(config)) and old > _SHARE * keep:
        said = f"{service} has not read what is in {stream} for {_rounded(old)}"
        return f"{said}. It is kept until then, and fills the stream."
    return None


async def _reader(js: JetStreamContext, info: ConsumerInfo, kept: float | None) -> ReaderState:
    oldest = await oldest_unread(js, info)
    return ReaderState(
        stream=info.stream_name,
        durable=info.name,
        pending=info.num_pending or 0,
        unanswered=info.num_ack_pending or 0,
        asking=(info.num_waiting or 0) + bool(info.push_bound),
        last_seconds=last_progress(info),
        oldest_seconds=oldest,
        seconds_left=None if kept is None or oldest is None else kept - oldest,
    )


async def _all(js: JetStreamContext, stream: str) -> list[ConsumerInfo]:
    found: list[ConsumerInfo] = []
    while page := await js.consumers_info(stream, offset=len(found)):
        found += page
    return found


def _rounded(seconds: float) -> str:
    """Return a length as a person says it: in days, hours, minutes or seconds."""
    units = ((86400, "days"), (3600, "hours"), (60, "minutes"))
    size, unit = next((each for each in units if seconds >= 2 * each[0]), (1, "seconds"))
    return f"{max(seconds, 0) / size:.0f} {unit}"
