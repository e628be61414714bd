"""Two handlers between NATS and another broker: submissions into INBOX, extracted articles out of NEWS.

Both acknowledge at the source only after the destination has the message on disk, so a crash between the two delivers
again and loses nothing. INBOX takes a message that comes again within its memory of ids once.
"""

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from faststream.message import StreamMessage
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from services.ingest.readers.source_field import with_source
from shared.broker.envelope import ORIGIN
from shared.broker.publish import MESSAGE_ID, PUBLISH_TIMEOUT, classified
from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, ArticleSubmitted
from shared.topology import MAX_MESSAGE_BYTES, NEWS
from wireroom.bridge.addresses import Address
from wireroom.bridge.foreign_brokers import ForeignBroker

log = logging.getLogger(__name__)
_BATCH = 64
_FETCH = 5.0  # seconds until an empty fetch is repeated
_RETRY = 1.0  # seconds between two tries of what an outage refuses
_ACK_WAIT = 60.0  # seconds


@dataclass
class SubmissionsIn:
    """Takes submissions of another broker; bad ones go to its ``NAME.rejected`` with reason and detail as headers."""

    address: Address
    foreign: ForeignBroker
    js: JetStreamContext
    source: str
    counts: Counter[str] = field(default_factory=Counter)

    async def take(self, message: StreamMessage[Any]) -> None:
        """Publish one message to INBOX and acknowledge it; during an outage it is tried until it passes."""
        data = self.foreign.body(message)
        try:
            await self._publish(_checked(data, self.source), self.foreign.message_id(message))
        except Rejected as refusal:
            await self._reject(data, refusal)
            self.counts["rejected"] += 1
        else:
            self.counts["submitted"] += 1
        await self._until_done(message.ack)

    async def _publish(self, data: bytes, message_id: str) -> None:
        digest = sha256(f"{self.address.kind}\0{self.address.name}\0{message_id}\0".encode() + data).hexdigest()
        headers = {
            MESSAGE_ID: f"bridge:{digest[:32]}",
            "content-type": "application/json",
            ORIGIN: f"bridge-{self.address.kind}",
        }
        subject = ArticleSubmitted.subject_pattern
        while True:
            try:
                await self.js.publish(subject, data, stream="INBOX", timeout=PUBLISH_TIMEOUT, headers=headers)
            except (NatsError, TimeoutError, OSError) as error:
                meaning = classified(error, "INBOX", subject, len(data))
                if isinstance(meaning, Rejected):
                    raise meaning from None
                log.warning("NATS takes no submission now, trying again: %s", str(error) or type(error).__name__)
                await asyncio.sleep(_RETRY)
            else:
                return

    async def _reject(self, data: bytes, refusal: Rejected) -> None:
        detail = refusal.detail[:500].encode("ascii", "backslashreplace").decode()
        headers = {"wireroom-reason": refusal.reason.value, "wireroom-detail": detail}
        await self._until_done(lambda: self.foreign.send(f"{self.address.name}.rejected", data, headers))

    async def _until_done(self, act: Any) -> None:  # noqa: ANN401 - any awaitable function
        while True:
            try:
                await act()
            except self.foreign.errors as error:
                log.warning("%s does not answer, trying again: %s", self.address.shown, error)
                await asyncio.sleep(_RETRY)
            else:
                return


def _checked(data: bytes, source: str) -> bytes:
    """Return a submission with its source; raises Rejected for what ingest would refuse."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"{len(data):,} bytes; at most {MAX_MESSAGE_BYTES:,} are taken")
    submission = with_source(data, source)
    decode(submission, ArticleSubmitted)
    return submission


@dataclass
class ArticlesOut:
    """Sends extracted articles to another broker; what it does not take comes again a moment later."""

    address: Address
    foreign: ForeignBroker
    js: JetStreamContext
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def durable(self) -> str:
        """The consumer of this destination: bridges to the same one share it."""
        name = f"{self.address.kind}\0{self.address.broker.rpartition('@')[2]}\0{self.address.name}"
        return f"bridge-{self.address.kind}-{sha256(name.encode()).hexdigest()[:12]}"

    async def run(self) -> None:
        """Send until cancelled; raises NatsError where the consumer cannot be made."""
        config = ConsumerConfig(ack_wait=_ACK_WAIT, max_deliver=-1, max_ack_pending=4 * _BATCH)
        subject = f"{ArticleExtracted.subject_pattern.partition('{')[0]}>"
        subscription = await self.js.pull_subscribe(subject, self.durable, stream=NEWS, config=config)
        while True:
            try:
                batch = await subscription.fetch(_BATCH, timeout=_FETCH)
            except (NatsError, TimeoutError) as error:
                if not isinstance(error, TimeoutError):
                    log.warning("NATS gives no articles now: %s", error)
                    await asyncio.sleep(_RETRY)
                continue
            await asyncio.gather(*map(self._send, batch))

    async def _send(self, message: Msg) -> None:
        headers = {key: value for key, value in (message.headers or {}).items() if key.startswith(("ce-", "trace"))}
        try:
            await self.foreign.send(self.address.name, message.data, headers | {"subject": message.subject})
        except self.foreign.errors as error:
            log.warning("%s takes no article now: %s", self.address.shown, error)
            with suppress(NatsError):
                await message.nak(_RETRY)
            return
        with suppress(NatsError, TimeoutError):  # it comes again, and the destination gets it twice
            await message.ack_sync(timeout=PUBLISH_TIMEOUT)
        self.counts["sent"] += 1
