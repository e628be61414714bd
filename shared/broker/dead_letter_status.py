"""Status of each dead letter, in a bucket under its number in DEAD: the dead letter itself is never changed.

A dead letter without a status is open. A replay sets the status first, and the service that had dead-lettered it says
what came of it. Where that fails, a dead letter stays listed as replayed although it need not.
"""

import logging
from datetime import UTC, datetime
from enum import StrEnum

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from pydantic import AwareDatetime, ConfigDict, Field

from shared.broker import stream_reader
from shared.broker.envelope import REPLAYED_FROM
from shared.broker.kv import Bucket
from shared.errors import Unavailable
from shared.messages import Value
from shared.topology import DEAD_LETTER_STATUS

log = logging.getLogger(__name__)


class DeadLetterState(StrEnum):
    """Open, or what became of the dead letter."""

    OPEN = "open"
    REPLAYED = "replayed"  # published again and not answered yet
    SUCCEEDED = "succeeded"  # processed by the service that had dead-lettered it
    FAILED_AGAIN = "failed_again"  # dead-lettered once more, under a number of its own
    DROPPED = "dropped"


class DeadLetterStatus(Value):
    """State with the service and reason of the dead letter; kept under its number."""

    model_config = ConfigDict(populate_by_name=True)

    state: DeadLetterState = Field(alias="fate")  # as the bucket has it since the first release
    service: str
    reason: str
    edited: bool = False  # the bytes replayed differ from those of the dead letter
    place: int | None = Field(None, gt=0, lt=2**63)  # in INBOX, of what a dropped dead letter had been
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


def _status(key: str, data: bytes) -> tuple[int, DeadLetterStatus]:
    if (number := stream_reader.place(key)) is None:
        raise ValueError("the key is no number of a dead letter")
    return number, DeadLetterStatus.model_validate_json(data)


STATUSES = Bucket(DEAD_LETTER_STATUS, _status)


class DeadLetterStatuses:
    """The statuses on one broker, changed by compare-and-set on the revision of each."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._bucket: KeyValue | None = None

    async def get(self, number: int) -> tuple[DeadLetterStatus | None, int]:
        """Return the status of a dead letter, if there is one, and its revision; raises NatsError or Unavailable."""
        return await STATUSES.get(await self._open(), str(number))

    async def put(self, number: int, status: DeadLetterStatus | None, revision: int) -> int:
        """Set a status, or remove it with None, unless somebody else did since; return the new revision."""
        bucket = await self._open()
        try:
            if status is not None:
                return await bucket.update(str(number), status.model_dump_json(by_alias=True).encode(), last=revision)
            await bucket.delete(str(number), last=revision)
        except KeyWrongLastSequenceError:
            return 0
        return 0

    async def set(self, number: int, status: DeadLetterStatus) -> None:
        """Set a status, whatever was there."""
        await (await self._open()).put(str(number), status.model_dump_json(by_alias=True).encode())

    async def all(self) -> dict[int, DeadLetterStatus]:
        """Return every status by the number of its dead letter; there are none where the bucket was never made."""
        return (await STATUSES.all(self._js)).values

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            self._bucket = await STATUSES.open(self._js)
        return self._bucket


async def report_state(raw: Msg, state: DeadLetterState, service: str, js: JetStreamContext) -> None:
    """Set the state of the dead letter that a message was replayed from, if this service had dead-lettered it."""
    number = stream_reader.place((raw.headers or {}).get(REPLAYED_FROM, ""))
    if number is None:
        return
    statuses = DeadLetterStatuses(js)
    try:
        found, revision = await statuses.get(number)
        # anyone can send such a header, so the service is compared
        if found and found.state is DeadLetterState.REPLAYED and found.service == service:
            await statuses.put(number, found.model_copy(update={"state": state, "at": datetime.now(UTC)}), revision)
    except (NatsError, TimeoutError, Unavailable) as error:
        log.warning("the status of dead letter %s could not be set to %s: %s", number, state, error)
