"""What `wireroom audit` has to know beside the streams: what left them in order, noted before it left.

Kept in the broker and not in a process, so it is lost with what it tells of, and restored with it.
"""

from collections.abc import Mapping
from typing import TypeVar

from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError
from nats.js.kv import KeyValue

from shared.errors import Unavailable
from shared.messages import Value
from shared.reading import all_of
from shared.topology import ACCOUNTING, EXTRACT

N = TypeVar("N", bound=Value)


class Trimmed(Value):
    """Raw articles up to this place in INBOX were read and have left RAW by their age."""

    place: int


def place_of(headers: Mapping[str, str] | None) -> int | None:
    """Return the place in INBOX of what a message tells of, by its id; what others publish has none."""
    place = (headers or {}).get("ce-id", "").rpartition(":")[2]
    return int(place) if place.isdecimal() else None


async def trimmed(js: JetStreamContext) -> int | None:
    """Return up to which place raw articles have left RAW in order, or None where nobody has noted it."""
    found = await note(js, "trimmed", Trimmed)
    return found.place if found else None


async def note_trimmed(js: JetStreamContext, place: int) -> None:
    """Note the place before what is up to it is deleted; it never goes back."""
    if place > (await trimmed(js) or 0):
        await put(js, "trimmed", Trimmed(place=place))


async def begin(js: JetStreamContext) -> None:
    """Note what has left RAW before anybody noted it; later it changes nothing."""
    if await trimmed(js) is not None:
        return
    place = 0
    if (await js.stream_info(EXTRACT.stream)).state.first_seq > 1:
        inbox = (await js.stream_info("INBOX")).state
        places = [place_of(message.headers) async for message in all_of(js, "RAW", EXTRACT.subject, headers_only=True)]
        place = min((found for found in places if found), default=inbox.last_seq + 1) - 1
    await put(js, "trimmed", Trimmed(place=place))


async def note(js: JetStreamContext, key: str, model: type[N]) -> N | None:
    """Return what is noted under a key; raises ValidationError if somebody else wrote it."""
    try:
        return model.model_validate_json((await (await _bucket(js)).get(key)).value or b"")
    except KeyNotFoundError:
        return None


async def put(js: JetStreamContext, key: str, value: Value) -> None:
    await (await _bucket(js)).put(key, value.model_dump_json().encode())


async def _bucket(js: JetStreamContext) -> KeyValue:
    try:
        return await js.key_value(ACCOUNTING)
    except BucketNotFoundError:
        raise Unavailable("NATS bucket", ACCOUNTING, "it was never made; run `wireroom setup`") from None
