"""Reading what a stream holds now, from the beginning, without taking anything from it.

Anyone may have published what is read: nothing here raises because of what a message holds.
"""

import base64
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from shared.broker.nats_client import parsed_headers

_TIMEOUT = 2.0  # seconds for one message, then the broker is asked whether there is one
_TRIES = 10
_SEQUENCE = re.compile(r"[1-9][0-9]{0,18}")  # ASCII only, and no longer than a 64-bit number
_LAST_SEQUENCE = 2**63


async def all_of(js: JetStreamContext, stream: str, subject: str, *, first: int = 1) -> AsyncGenerator[Msg, None]:
    """Yield what a subject holds now, the oldest first, and end; a stream that is not there holds nothing.

    ``first`` is the sequence to begin with.

    Always whole messages: nats-server 2.15.1 ends with a panic where a consumer with ``headers_only`` meets a message
    whose block of headers is one byte long, which any publisher can send.

    Raises TimeoutError if the broker stops sending before the end: half of a stream is no answer.
    """
    try:
        if not (await js.stream_info(stream, subjects_filter=subject)).state.subjects:
            return
    except NotFoundError:
        return
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=max(first, 1))
    reader = await js.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
    try:
        for _ in range(await _count(reader)):
            if (message := await _next(reader)) is None:
                return
            yield message
            if not message.metadata.num_pending:
                return
    finally:
        await reader.unsubscribe()


async def _count(reader: JetStreamContext.PushSubscription) -> int:
    """Return how many there were when the reading began: by the consumer, for the broker lists 100,000 subjects."""
    info = await reader.consumer_info()
    return (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)


async def _next(reader: JetStreamContext.PushSubscription) -> Msg | None:
    """Return the next message, or None if those that were counted were deleted or have expired meanwhile."""
    for _ in range(_TRIES):
        try:
            return await reader.next_msg(_TIMEOUT)
        except TimeoutError:
            if not (await reader.consumer_info()).num_pending:
                return None
    raise TimeoutError(f"the broker sent nothing for {_TRIES * _TIMEOUT:.0f} s although there is more to read")


@dataclass(frozen=True)
class Stored:
    """A message as its stream keeps it."""

    subject: str
    sequence: int
    at: datetime
    data: bytes
    headers: dict[str, str] = field(default_factory=dict)


async def get(js: JetStreamContext, stream: str, sequence: int) -> Stored | None:
    """Return one message by its place, None if there is none; its headers are those that a delivery has."""
    if not 0 < sequence < _LAST_SEQUENCE:
        return None
    try:
        found = await js.get_msg(stream, sequence)
    except NotFoundError:
        return None
    headers = parsed_headers(base64.b64decode(found.hdrs)) if found.hdrs else {}
    at = found.time or datetime.fromtimestamp(0, UTC)
    return Stored(found.subject or "", sequence, at, found.data or b"", headers)


def place(text: str) -> int | None:
    """Return the sequence that a header or a key names, None if it names none."""
    return int(text) if _SEQUENCE.fullmatch(text) else None


def fields(data: bytes) -> dict[str, Any]:
    """Return the fields of a JSON object, none for any other bytes, however deep they are nested."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
