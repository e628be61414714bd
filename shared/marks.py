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
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KV_OP, KeyValue
from pydantic import AwareDatetime, Field, ValidationError

from shared.envelope import REPLAYED_FROM
from shared.errors import Unavailable
from shared.messages import Value
from shared.reading import all_of
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
    place: int | None = None  # in INBOX, of what a dropped letter had been
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


class Marks:
    """The marks of one broker; those who change one say which revision they have seen."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._bucket: KeyValue | None = None

    async def get(self, number: int) -> tuple[Mark | None, int]:
        """Return the mark of a letter, if there is one, and its revision; raises NatsError or Unavailable."""
        bucket = await self._open()
        try:
            entry = await bucket.get(str(number))
        except KeyNotFoundError as error:
            return None, (error.entry.revision or 0) if error.entry else 0
        return Mark.model_validate_json(entry.value or b""), entry.revision or 0

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
        marks: dict[int, Mark] = {}
        async for message in all_of(self._js, f"KV_{MARKS}", f"$KV.{MARKS}.>"):
            if KV_OP not in (message.headers or {}):
                marks[int(message.subject.rpartition(".")[2])] = Mark.model_validate_json(message.data)
        return marks

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            try:
                self._bucket = await self._js.key_value(MARKS)
            except BucketNotFoundError:
                raise Unavailable("NATS bucket", MARKS, "it was never made; run `wireroom setup`") from None
        return self._bucket


async def tell(raw: Msg, fate: Fate, service: str, js: JetStreamContext) -> None:
    """Say how it went with a message that was replayed from a letter of this service; of others nothing is asked."""
    number = (raw.headers or {}).get(REPLAYED_FROM, "")
    if not number.isdecimal():
        return
    marks = Marks(js)
    try:
        found, revision = await marks.get(int(number))
        if found and found.fate is Fate.REPLAYED and found.service == service:  # anyone can send such a header
            await marks.put(int(number), found.model_copy(update={"fate": fate, "at": datetime.now(UTC)}), revision)
    except (NatsError, TimeoutError, ValidationError, Unavailable) as error:
        log.warning("letter %s could not be marked as %s: %s", number, fate, error)
