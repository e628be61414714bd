"""Dead letters on their way back: replayed as they were, edited, or from a file that they were exported to."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, TypeVar

import orjson
from nats.errors import BadHeaderError, BadSubjectError, MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError
from pydantic import AwareDatetime, Base64Bytes, BaseModel, ValidationError

from shared.broker.dead_letter_status import Fate, Mark, Marks
from shared.broker.dead_letters import CUT, PLACES, SHA256
from shared.broker.envelope import REPLAYED_FROM, accepted
from shared.broker.publish import PUBLISH_TIMEOUT
from shared.broker.stream_reader import get, place
from shared.decoding import decode
from shared.messages import Message
from shared.topology import CONSUMERS
from wireroom.ops import dead_letter_queries
from wireroom.ops.dead_letter_queries import Letter

T = TypeVar("T")
_SUBJECT = re.compile(r"news\.v1(\.[!-~]+)+")  # where streams of articles listen, without blanks


class NotReplayable(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A letter that cannot go back, and why."""


async def replay(
    js: JetStreamContext, letter: Letter, data: bytes, *, edited: bool = False, marked: bool = True
) -> bool:
    """Publish a letter where it came from and wait until the broker has it; the letter stays, with a mark.

    Replayed twice within the hour it is published once, and the second answer is False. ``edited`` says that the bytes
    are not the letter's own: they are checked first, and Rejected is raised. Not ``marked`` is a letter that this
    broker does not have.
    """
    subject = checked(letter, data).subject if edited else letter.fact("subject")
    if not (subject and letter.fact("stream")):
        raise NotReplayable(f"letter {letter.sequence} does not say where it came from, so it stays")
    if not _SUBJECT.fullmatch(subject) or "*" in subject or ">" in subject:  # anyone may have written the letter
        raise NotReplayable(
            f"letter {letter.sequence} came from {subject!r:.80}, where no articles are read, so it stays"
        )
    if not edited:
        data = await _whole(js, letter, data)
    if not marked:
        return await _publish(js, subject, letter, data, {})
    marks = Marks(js)
    before, revision = await marks.get(letter.sequence)
    made = Mark(fate=Fate.REPLAYED, service=letter.fact("service"), reason=letter.fact("reason"), edited=edited)
    revision = await marks.put(letter.sequence, made, revision)  # first: the service may be faster than we
    taken = False
    try:
        taken = await _publish(js, subject, letter, data, {REPLAYED_FROM: str(letter.sequence)})
    finally:
        if not taken:
            await marks.put(letter.sequence, before, revision)
    return taken


async def _whole(js: JetStreamContext, letter: Letter, data: bytes) -> bytes:
    """Return the original bytes: of a letter that was cut those that its stream still has; raises NotReplayable."""
    if PLACES in letter.headers:
        raise NotReplayable(f"letter {letter.sequence} sums up several messages beyond a quota, whose bytes it has not")
    if CUT not in letter.headers:
        return data
    stream, sequence = letter.fact("stream"), place(letter.fact("sequence"))
    known = sequence is not None and any(consumer.stream == stream for consumer in CONSUMERS)
    stored = await get(js, stream, sequence) if known and sequence else None
    if stored is None or hashlib.sha256(stored.data).hexdigest() != letter.headers.get(SHA256):
        raise NotReplayable(f"letter {letter.sequence} was cut, and its stream no longer has the original")
    return stored.data


async def _publish(js: JetStreamContext, subject: str, letter: Letter, data: bytes, headers: Mapping[str, str]) -> bool:
    """Return whether it is new to the broker; the message id is made of the letter's own facts and of the bytes."""
    kept = {name: value for name, value in accepted(letter.headers).items() if name != REPLAYED_FROM}
    message_id = f"replay:{letter.sequence}:{letter.fact('at')}:{hashlib.sha256(data).hexdigest()[:16]}"
    stream = letter.fact("stream")
    headers = kept | {**headers, "Nats-Msg-Id": message_id}
    try:
        return not (await js.publish(subject, data, PUBLISH_TIMEOUT, stream, headers)).duplicate
    except (BadHeaderError, BadSubjectError, MaxPayloadError, BadRequestError) as error:
        raise NotReplayable(f"letter {letter.sequence} cannot be published again, so it stays: {error}") from error


def checked(letter: Letter, data: bytes) -> Message:
    """Return the message that these bytes are where the letter came from; raises Rejected as its service would."""
    subject, stream = letter.fact("subject"), letter.fact("stream")
    for consumer in CONSUMERS:
        if consumer.stream == stream and any(_covers(pattern, subject) for pattern in consumer.subjects):
            return decode(data, consumer.model_of(subject), letter.headers)
    raise NotReplayable(
        f"letter {letter.sequence} came from {subject or 'an unknown place'}, whose contract is not ours"
    )


def _covers(pattern: str, subject: str) -> bool:
    return subject == pattern or (pattern.endswith(">") and subject.startswith(pattern[:-1]))


class Line(BaseModel):
    """One letter in a file; what is not named here was written for readers and does not count."""

    number: int
    at: AwareDatetime
    headers: dict[str, str]
    body_base64: Base64Bytes


def as_line(letter: Letter, data: bytes, fate: Fate) -> dict[str, Any]:
    """Return a letter with all that is known of it, as one object of JSON."""
    return {
        "v": 1,
        "number": letter.sequence,
        "at": letter.at,
        "state": fate,
        "service": letter.fact("service"),
        "reason": letter.fact("reason"),
        "error": letter.fact("detail"),
        "headers": letter.headers,
        "body_base64": base64.b64encode(data).decode(),
    }


def from_line(line: bytes) -> tuple[Letter, bytes]:
    """Return a letter as it was exported, or edited since; raises ValueError."""
    try:
        read = Line.model_validate(orjson.loads(line))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return Letter(read.number, read.at, len(read.body_base64), read.headers), read.body_base64


async def replay_line(js: JetStreamContext, letter: Letter, data: bytes) -> bool:
    """Replay a letter of a file, as `replay` does; the letter that the broker has itself is marked, if it has it."""
    found = await dead_letter_queries.get(js, letter.sequence)
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
