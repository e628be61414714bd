"""Dead letters as the commands read, replay and drop them."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError, ServerError

from shared.envelope import passed_on
from shared.reading import all_of

STREAM = "DEAD"
REPLAYED = "wireroom-replayed-from"
_OURS = "wireroom-"
_SIZE = "Nats-Msg-Size"  # the broker's own, where it leaves the bytes out
_NO_MESSAGE = 10057  # JetStream: there is none in this place
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Letter:
    """A message that was set aside: its place in DEAD and why; its bytes stay on the broker, there can be gigabytes."""

    sequence: int
    at: datetime
    size: int
    headers: dict[str, str] = field(default_factory=dict)

    def fact(self, name: str) -> str:
        """Return what was noted when it was set aside: service, reason, detail, subject, stream, attempts."""
        return self.headers.get(_OURS + name, "")


@dataclass(frozen=True)
class Heap:
    """The letters with this service and reason that are there now: how many, and the place of the last."""

    subject: str
    count: int
    last: int


class NotReplayable(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A letter that does not say where it came from."""


async def heap(js: JetStreamContext, *, service: str | None = None, reason: str | None = None) -> Heap:
    """Count without reading; what is set aside later is not in it."""
    subject = _subject(service, reason)
    try:
        state = (await js.stream_info(STREAM, subjects_filter=subject)).state
    except NotFoundError:
        return Heap(subject, 0, 0)
    return Heap(subject, sum((state.subjects or {}).values()), state.last_seq)


def _subject(service: str | None, reason: str | None) -> str:
    return f"news.dead.{service or '*'}.{reason or '*'}"


async def read(js: JetStreamContext, *, service: str | None = None, reason: str | None = None) -> AsyncIterator[Letter]:
    """Yield the letters that are there now, the oldest first."""
    async for message in all_of(js, STREAM, _subject(service, reason), headers_only=True):
        yield _letter(message)


def _letter(message: Msg) -> Letter:
    place, headers = message.metadata, dict(message.headers or {})
    return Letter(place.sequence.stream, place.timestamp, int(headers.pop(_SIZE, 0)), headers)


async def get(js: JetStreamContext, sequence: int) -> tuple[Letter, bytes] | None:
    """Return one letter by its place in DEAD, with its original bytes."""
    try:
        found = await js.get_msg(STREAM, sequence)
    except NotFoundError:
        return None
    data, at = found.data or b"", found.time or datetime.fromtimestamp(0, UTC)
    return Letter(sequence, at, len(data), dict(found.headers or {})), data


async def replay(js: JetStreamContext, letter: Letter, data: bytes) -> bool:
    """Publish the original bytes where they came from and wait until the broker has them; the letter stays.

    The message id is made of the letter's own facts: replayed twice within the hour it is published once,
    and the second answer is False.
    """
    subject, stream = letter.fact("subject"), letter.fact("stream")
    if not (subject and stream):
        raise NotReplayable(f"letter {letter.sequence} does not say where it came from, so it stays")
    headers = {k: v for k, v in passed_on(letter.headers).items() if not k.startswith(_OURS)}
    headers |= {"Nats-Msg-Id": f"replay:{letter.sequence}:{letter.fact('at')}", REPLAYED: str(letter.sequence)}
    taken = await js.publish(subject, data, stream=stream, timeout=_TIMEOUT, headers=headers)
    return not taken.duplicate


async def drop(js: JetStreamContext, sequence: int) -> None:
    """Delete a letter for good; one that is gone already stays gone."""
    try:
        await js.delete_msg(STREAM, sequence)
    except ServerError as error:
        if error.err_code != _NO_MESSAGE:
            raise


async def drop_all(js: JetStreamContext, wanted: Heap) -> None:
    """Delete for good what was counted; letters that came later stay."""
    if not wanted.count:
        return  # there may be no stream either
    await js.purge_stream(STREAM, seq=wanted.last + 1, subject=wanted.subject)


def origin(letter: Msg) -> int | None:
    """Return the place in INBOX of what was set aside, which later messages carry as their version; None if unknown."""
    headers = letter.headers or {}
    try:
        if headers.get(f"{_OURS}stream") == "INBOX":
            return int(headers[f"{_OURS}sequence"])
        return int(json.loads(letter.data)["version"])
    except (ValueError, KeyError, TypeError):
        return None  # set aside by others, or no message of ours
