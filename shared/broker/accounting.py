"""Records for `wireroom audit` in a bucket: numbers left out, moved or expired, written before messages leave a stream.

Kept in the broker and not in a process, so it is lost with what it tells of, and restored with it.
"""

import logging
from collections.abc import Mapping
from typing import TypeVar

from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError
from nats.js.kv import KeyValue
from pydantic import AwareDatetime, Field, ValidationError

from shared.broker.stream_reader import all_of, place
from shared.errors import Unavailable
from shared.messages import Value
from shared.topology import ACCOUNTING, EXTRACT

log = logging.getLogger(__name__)

N = TypeVar("N", bound=Value)

TRIMMED, GAPS, MOVED = "trimmed", "gaps", "moved"


class Trimmed(Value):
    """Raw articles up to this place in INBOX were read and have left RAW by their age."""

    place: int


def place_of(headers: Mapping[str, str] | None) -> int | None:
    """Return the place in INBOX of what a message tells of, by its id; what others publish has none."""
    return place((headers or {}).get("ce-id", "").rpartition(":")[2])


class Gap(Value):
    """Numbers that a broker gave whose data is gone, and those left out behind them.

    From ``first`` to ``known`` they were given for sure, since ``known`` is stored; INBOX goes on with ``next``. Where
    nothing from ``first`` on is stored, ``known`` is the number before it.
    What is below ``since`` had left RAW by its age before, so nothing is asked of it.
    """

    first: int
    since: int
    known: int
    next: int
    at: AwareDatetime

    def __contains__(self, place: int) -> bool:
        return self.first <= place < self.next


class Gaps(Value):
    gaps: tuple[Gap, ...] = ()


class Moved(Value):
    """Submissions that were accepted under a number of a gap and have another one now: old and new."""

    places: dict[int, int] = Field(default_factory=dict)


async def gaps(js: JetStreamContext) -> tuple[Gap, ...]:
    """Return the gaps that `wireroom setup` has left in the numbers of INBOX."""
    found = await note(js, GAPS, Gaps)
    return found.gaps if found else ()


async def moved(js: JetStreamContext) -> dict[int, int]:
    found = await note(js, MOVED, Moved)
    return found.places if found else {}


async def trimmed(js: JetStreamContext) -> int | None:
    """Return up to which place raw articles have left RAW in order, or None where nobody has noted it."""
    found = await note(js, TRIMMED, Trimmed)
    return found.place if found else None


async def note_trimmed(js: JetStreamContext, place: int) -> None:
    """Note the place before what is up to it is deleted; it never goes back."""
    if place > (await trimmed(js) or 0):
        await put(js, TRIMMED, Trimmed(place=place))


async def begin(js: JetStreamContext) -> None:
    """Note what has left RAW before anybody noted it; later it changes nothing."""
    if await trimmed(js) is not None:
        return
    place = 0
    if (await js.stream_info(EXTRACT.stream)).state.first_seq > 1:
        inbox = (await js.stream_info("INBOX")).state
        places = [place_of(message.headers) async for message in all_of(js, "RAW", EXTRACT.subject)]
        place = min((found for found in places if found), default=inbox.last_seq + 1) - 1
    await put(js, TRIMMED, Trimmed(place=place))


async def note(js: JetStreamContext, key: str, model: type[N]) -> N | None:
    """Return what is noted under a key; what somebody else wrote there is no note."""
    try:
        return model.model_validate_json((await (await _bucket(js)).get(key)).value or b"")
    except KeyNotFoundError:
        return None
    except ValidationError:
        log.warning("bucket %s: what is under %s was not written by Wireroom", ACCOUNTING, key)
        return None


async def put(js: JetStreamContext, key: str, value: Value) -> None:
    await (await _bucket(js)).put(key, value.model_dump_json().encode())


async def _bucket(js: JetStreamContext) -> KeyValue:
    try:
        return await js.key_value(ACCOUNTING)
    except BucketNotFoundError:
        raise Unavailable("NATS bucket", ACCOUNTING, "it was never made; run `wireroom setup`") from None
