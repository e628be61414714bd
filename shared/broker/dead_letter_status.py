"""What became of a dead letter: a mark beside it in the broker, because the letter itself is never changed.

A letter without a mark is open. Whoever replays one marks it first, and the service that had set it aside says how it
went. A mark that could not be set harms nobody: then a letter counts as unsettled that need not.
"""

import logging
from datetime import UTC, datetime
from enum import StrEnum

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from pydantic import AwareDatetime, Field

from shared.broker import stream_reader
from shared.broker.envelope import REPLAYED_FROM
from shared.broker.kv import Bucket
from shared.errors import Unavailable
from shared.messages import Value
from shared.topology import MARKS

log = logging.getLogger(__name__)


class Fate(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    REPLAYED = "replayed"  # it is on its way, or its service is down
    SUCCEEDED = "succeeded"  # the service that had set it aside has taken it
    FAILED_AGAIN = "failed_again"  # it was set aside once more, as a letter of its own
    DROPPED = "dropped"


class Mark(Value):
    """Kept under the letter's number, with whose letter it was and why."""

    fate: Fate
    service: str
    reason: str
    edited: bool = False  # what was replayed were other bytes than the letter's
    place: int | None = Field(None, gt=0, lt=2**63)  # in INBOX, of what a dropped letter had been
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


def _mark(key: str, data: bytes) -> tuple[int, Mark]:
    if (number := stream_reader.place(key)) is None:
        raise ValueError("the key is no number of a letter")
    return number, Mark.model_validate_json(data)


MARKED = Bucket(MARKS, _mark)


class Marks:
    """The marks of one broker; those who change one say which revision they have seen."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._bucket: KeyValue | None = None

    async def get(self, number: int) -> tuple[Mark | None, int]:
        """Return the mark of a letter, if there is one, and its revision; raises NatsError or Unavailable."""
        return await MARKED.get(await self._open(), str(number))

    async def put(self, number: int, mark: Mark | None, revision: int) -> int:
        """Set a mark, or remove it with None, unless somebody else did since; return the new revision."""
        bucket = await self._open()
        try:
            if mark is not None:
                return await bucket.update(str(number), mark.model_dump_json().encode(), last=revision)
            await bucket.delete(str(number), last=revision)
        except KeyWrongLastSequenceError:
            return 0
        return 0

    async def set(self, number: int, mark: Mark) -> None:
        """Set a mark, whatever was there."""
        await (await self._open()).put(str(number), mark.model_dump_json().encode())

    async def all(self) -> dict[int, Mark]:
        """Return every mark by the number of its letter; there are none where the bucket was never made."""
        return (await MARKED.all(self._js)).values

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            self._bucket = await MARKED.open(self._js)
        return self._bucket


async def tell(raw: Msg, fate: Fate, service: str, js: JetStreamContext) -> None:
    """Say how it went with a message that was replayed from a letter of this service; of others nothing is asked."""
    number = stream_reader.place((raw.headers or {}).get(REPLAYED_FROM, ""))
    if number is None:
        return
    marks = Marks(js)
    try:
        found, revision = await marks.get(number)
        if found and found.fate is Fate.REPLAYED and found.service == service:  # anyone can send such a header
            await marks.put(number, found.model_copy(update={"fate": fate, "at": datetime.now(UTC)}), revision)
    except (NatsError, TimeoutError, Unavailable) as error:
        log.warning("letter %s could not be marked as %s: %s", number, fate, error)
