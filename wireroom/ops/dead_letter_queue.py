"""The dead-letter queue (stream DEAD): list, choose, read, replay and drop dead letters, also from exported files."""

import asyncio
import base64
import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import unquote

import orjson
from nats.aio.msg import Msg
from nats.errors import BadHeaderError, BadSubjectError, MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError, NotFoundError, ServerError
from pydantic import AwareDatetime, Base64Bytes, BaseModel, ValidationError

from shared.broker import stream_reader
from shared.broker.dead_letter_status import DeadLetterState, DeadLetterStatus, DeadLetterStatuses
from shared.broker.dead_letters import CUT, PLACES, SHA256, from_ranges
from shared.broker.envelope import ORIGIN, REPLAYED_FROM, accepted
from shared.broker.publish import PUBLISH_TIMEOUT
from shared.broker.stream_reader import all_of, place
from shared.decoding import decode
from shared.errors import Reason
from shared.messages import Message
from shared.topology import CONSUMERS

STREAM = "DEAD"
_OTHERS = ("others", "on no subject of ours")  # service and reason of dead letters that no service of ours wrote
OURS = "wireroom-"
_AT_ONCE = 256  # dead letters dropped side by side
_NO_MESSAGE = 10057  # JetStream: there is none in this place


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter: its place in DEAD and why; its bytes stay on the broker, there can be gigabytes."""

    sequence: int
    at: datetime
    size: int
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Return the file and line that its publisher had it from; "" where none was told."""
        return unquote(self.headers.get(ORIGIN, ""))

    def fact(self, name: str) -> str:
        """Return what was noted when it was dead-lettered: service, reason, detail, subject, stream, attempts."""
        return self.headers.get(OURS + name, "")


@dataclass(frozen=True)
class Choice:
    """Which dead letters are meant; no service, reason or state means any."""

    service: str | None = None
    reason: str | None = None
    states: Collection[DeadLetterState] = ()

    @property
    def subject(self) -> str:
        """Return the subject; without a service and a reason also that of dead letters which are none of ours."""
        if self.service is None and self.reason is None:
            return "news.dead.>"
        return f"news.dead.{self.service or '*'}.{self.reason or '*'}"

    def covers(self, service: str, reason: str) -> bool:
        return self.service in {None, service} and self.reason in {None, reason}


@dataclass(frozen=True)
class Summary:
    """``counts`` by service, reason and state; ``replayed`` is when the one was replayed that waits the longest."""

    counts: dict[tuple[str, str, DeadLetterState], int]
    replayed: datetime | None

    def of(self, state: DeadLetterState) -> dict[str, int]:
        """Return how many dead letters have this state, by service and reason."""
        return {f"{key[0]} {key[1]}": count for key, count in self.counts.items() if key[2] is state}


async def read(
    js: JetStreamContext, *, service: str | None = None, reason: str | None = None
) -> AsyncIterator[DeadLetter]:
    """Yield the dead letters that are there now, the oldest first."""
    async for message in all_of(js, STREAM, Choice(service, reason).subject):
        yield _letter(message)


async def choose(js: JetStreamContext, choice: Choice) -> AsyncIterator[tuple[DeadLetter, DeadLetterState]]:
    """Yield the dead letters that are meant, the oldest first, with what became of each; of dropped ones only that."""
    known = await DeadLetterStatuses(js).all()
    async for letter in read(js, service=choice.service, reason=choice.reason):
        state = known[letter.sequence].state if letter.sequence in known else DeadLetterState.OPEN
        if not choice.states or state in choice.states:
            yield letter, state
    if DeadLetterState.DROPPED in choice.states:
        for number, status in sorted(known.items()):
            if status.state is DeadLetterState.DROPPED and choice.covers(status.service, status.reason):
                yield (
                    DeadLetter(
                        number, status.at, 0, {f"{OURS}service": status.service, f"{OURS}reason": status.reason}
                    ),
                    status.state,
                )


def _letter(message: Msg) -> DeadLetter:
    given, headers = message.metadata, dict(message.headers or {})
    return DeadLetter(given.sequence.stream, given.timestamp, len(message.data), headers)


async def get(js: JetStreamContext, sequence: int) -> tuple[DeadLetter, bytes] | None:
    """Return one dead letter by its place in DEAD, with its original bytes."""
    if (found := await stream_reader.get(js, STREAM, sequence)) is None:
        return None
    return DeadLetter(sequence, found.at, len(found.data), found.headers), found.data


async def summary(js: JetStreamContext) -> Summary:
    """Count the dead letters; only where some have statuses are they read, and then their headers."""
    try:
        subjects = (await js.stream_info(STREAM, subjects_filter=Choice().subject)).state.subjects or {}
    except NotFoundError:
        return Summary({}, None)
    statuses = await DeadLetterStatuses(js).all()
    marked = {
        Choice(status.service, status.reason).subject
        for status in statuses.values()
        if status.state is not DeadLetterState.DROPPED
    }
    counts: Counter[tuple[str, str, DeadLetterState]] = Counter()
    waiting: list[datetime] = []
    for subject, count in subjects.items():
        service, reason = _named(subject)
        if subject not in marked or (service, reason) == _OTHERS:
            counts[service, reason, DeadLetterState.OPEN] += count
            continue
        async for letter in read(js, service=service, reason=reason):
            state = statuses[letter.sequence].state if letter.sequence in statuses else DeadLetterState.OPEN
            counts[service, reason, state] += 1
            waiting += [statuses[letter.sequence].at] if state is DeadLetterState.REPLAYED else []
    return Summary(dict(counts), min(waiting, default=None))


def _named(subject: str) -> tuple[str, str]:
    """Return service and reason; all subjects that are none of ours are one, since anyone can make thousands."""
    match subject.split(".")[2:]:
        case [service, reason] if reason in set(Reason):
            return service, reason
    return _OTHERS


async def drop(js: JetStreamContext, letters: Collection[DeadLetter], every: Choice | None = None) -> None:
    """Delete dead letters for good and leave statuses that they were; one that is gone already stays gone.

    ``every`` says that these are all that this choice found: then they go at once, and what came later stays.
    """
    statuses, waiting = DeadLetterStatuses(js), iter(letters)
    while some := list(islice(waiting, _AT_ONCE)):
        await asyncio.gather(*(_drop(js, statuses, letter, delete=every is None) for letter in some))
    if every and letters:
        await js.purge_stream(STREAM, seq=max(letter.sequence for letter in letters) + 1, subject=every.subject)


async def _drop(js: JetStreamContext, statuses: DeadLetterStatuses, letter: DeadLetter, *, delete: bool) -> None:
    service, reason = letter.fact("service"), letter.fact("reason")
    made = DeadLetterStatus(state=DeadLetterState.DROPPED, service=service, reason=reason, place=_place(letter.headers))
    await statuses.set(letter.sequence, made)
    if not delete:
        return
    try:
        await js.delete_msg(STREAM, letter.sequence)
    except ServerError as error:
        if error.err_code != _NO_MESSAGE:
            raise


def origins(letter: Msg) -> set[int]:
    """Return the places in INBOX of what was dead-lettered: one, none if it is unknown, several of a summary."""
    headers = letter.headers or {}
    if PLACES in headers:
        return from_ranges(headers[PLACES])
    if (found := _place(headers)) is not None:
        return {found}
    if headers.get(f"{OURS}stream") == "INBOX":
        return set()
    found = place(str(stream_reader.fields(letter.data).get("version")))
    return set() if found is None else {found}  # dead-lettered by others, or no message of ours


def _place(headers: Mapping[str, str]) -> int | None:
    """Return the place as far as the headers tell it; INBOX has what anyone may have written into a ``ce-id``."""
    inbox = headers.get(f"{OURS}stream") == "INBOX"
    return place(headers.get(f"{OURS}sequence", "") if inbox else headers.get("ce-id", "").rpartition(":")[2])


T = TypeVar("T")
_SUBJECT = re.compile(r"news\.v1(\.[!-~]+)+")  # where streams of articles listen, without blanks


class NotReplayable(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A dead letter that cannot go back, and why."""


async def replay(
    js: JetStreamContext, letter: DeadLetter, data: bytes, *, edited: bool = False, marked: bool = True
) -> bool:
    """Publish a dead letter where it came from and wait until the broker has it; the dead letter stays, with a status.

    Replayed twice within the hour it is published once, and the second answer is False. ``edited`` says that the bytes
    are not the dead letter's own: they are checked first, and Rejected is raised. ``marked`` is False for a dead letter
    that this broker does not have.
    """
    subject = checked(letter, data).subject if edited else letter.fact("subject")
    if not (subject and letter.fact("stream")):
        raise NotReplayable(f"dead letter {letter.sequence} does not say where it came from, so it stays")
    if not _SUBJECT.fullmatch(subject) or "*" in subject or ">" in subject:  # anyone may have written the dead letter
        raise NotReplayable(
            f"dead letter {letter.sequence} came from {subject!r:.80}, where no articles are read, so it stays"
        )
    if not edited:
        data = await _whole(js, letter, data)
    if not marked:
        return await _publish(js, subject, letter, data, {})
    statuses = DeadLetterStatuses(js)
    before, revision = await statuses.get(letter.sequence)
    made = DeadLetterStatus(
        state=DeadLetterState.REPLAYED, service=letter.fact("service"), reason=letter.fact("reason"), edited=edited
    )
    revision = await statuses.put(letter.sequence, made, revision)  # first: the service may be faster than we
    taken = False
    try:
        taken = await _publish(js, subject, letter, data, {REPLAYED_FROM: str(letter.sequence)})
    finally:
        if not taken:
            await statuses.put(letter.sequence, before, revision)
    return taken


async def _whole(js: JetStreamContext, letter: DeadLetter, data: bytes) -> bytes:
    """Return the original bytes, of a dead letter that was cut those in its stream; raises NotReplayable."""
    if PLACES in letter.headers:
        raise NotReplayable(
            f"dead letter {letter.sequence} sums up several messages beyond a quota, whose bytes it has not"
        )
    if CUT not in letter.headers:
        return data
    stream, sequence = letter.fact("stream"), place(letter.fact("sequence"))
    known = sequence is not None and any(consumer.stream == stream for consumer in CONSUMERS)
    stored = await stream_reader.get(js, stream, sequence) if known and sequence else None
    if stored is None or hashlib.sha256(stored.data).hexdigest() != letter.headers.get(SHA256):
        raise NotReplayable(f"dead letter {letter.sequence} was cut, and its stream no longer has the original")
    return stored.data


async def _publish(
    js: JetStreamContext, subject: str, letter: DeadLetter, data: bytes, headers: Mapping[str, str]
) -> bool:
    """Return whether it is new to the broker; the message id is made of the dead letter's facts and of the bytes."""
    kept = {name: value for name, value in accepted(letter.headers).items() if name != REPLAYED_FROM}
    message_id = f"replay:{letter.sequence}:{letter.fact('at')}:{hashlib.sha256(data).hexdigest()[:16]}"
    stream = letter.fact("stream")
    headers = kept | {**headers, "Nats-Msg-Id": message_id}
    try:
        return not (await js.publish(subject, data, PUBLISH_TIMEOUT, stream, headers)).duplicate
    except (BadHeaderError, BadSubjectError, MaxPayloadError, BadRequestError) as error:
        raise NotReplayable(f"dead letter {letter.sequence} cannot be published again, so it stays: {error}") from error


def checked(letter: DeadLetter, data: bytes) -> Message:
    """Return the message that these bytes are where the dead letter came from; raises Rejected as its service would."""
    subject, stream = letter.fact("subject"), letter.fact("stream")
    for consumer in CONSUMERS:
        if consumer.stream == stream and any(_covers(pattern, subject) for pattern in consumer.subjects):
            return decode(data, consumer.model_of(subject), letter.headers)
    raise NotReplayable(
        f"dead letter {letter.sequence} came from {subject or 'an unknown place'}, whose contract is not ours"
    )


def _covers(pattern: str, subject: str) -> bool:
    return subject == pattern or (pattern.endswith(">") and subject.startswith(pattern[:-1]))


class Line(BaseModel):
    """One dead letter in a file; what is not named here was written for readers and does not count."""

    number: int
    at: AwareDatetime
    headers: dict[str, str]
    body_base64: Base64Bytes


def as_line(letter: DeadLetter, data: bytes, state: DeadLetterState) -> dict[str, Any]:
    """Return a dead letter with all that is known of it, as one object of JSON."""
    return {
        "v": 1,
        "number": letter.sequence,
        "at": letter.at,
        "state": state,
        "service": letter.fact("service"),
        "reason": letter.fact("reason"),
        "error": letter.fact("detail"),
        "headers": letter.headers,
        "body_base64": base64.b64encode(data).decode(),
    }


def from_line(line: bytes) -> tuple[DeadLetter, bytes]:
    """Return a dead letter as it was exported, or edited since; raises ValueError."""
    try:
        read = Line.model_validate(orjson.loads(line))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return DeadLetter(read.number, read.at, len(read.body_base64), read.headers), read.body_base64


async def replay_line(js: JetStreamContext, letter: DeadLetter, data: bytes) -> bool:
    """Replay a dead letter of a file, as `replay` does; the copy that the broker has, if any, gets the status."""
    found = await get(js, letter.sequence)
    same = found is not None and found[0].fact("at") == letter.fact("at")  # else a number of another broker
    return await replay(js, letter, data, edited=found is not None and found[1] != data, marked=same)


async def paced(items: Iterable[T], rate: float | None) -> AsyncIterator[T]:
    """Yield at most ``rate`` items a second."""
    clock = asyncio.get_running_loop().time
    began = clock()
    for number, item in enumerate(items):
        if rate:
            await asyncio.sleep(max(0.0, began + number / rate - clock()))
        yield item
