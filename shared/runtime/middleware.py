"""FastStream middleware around each delivery: its outcome, and how its result is published.

consume_scope   decodes and runs the handler, and tries again while a dependency is unavailable
publish_scope   gives the result its subject, its stream and its CloudEvents headers, and waits for the PubAck
on leaving      ack, nak with a delay, or dead letter and term: after the PubAck, because publishing is inside the scope
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Annotated, Any, Self, cast

from faststream import BaseMiddleware, Context, ContextRepo
from faststream.message import StreamMessage
from faststream.nats.response import NatsPublishCommand
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import PubAck, RawStreamMsg
from pydantic import ValidationError

from shared.broker.dead_letters import source_of
from shared.broker.encoded import Encoded
from shared.broker.envelope import REPLAY, accepted, headers, provenance
from shared.broker.publish import PUBLISH_TIMEOUT, publish
from shared.broker.withdrawals import Withdrawals, erase, withdrawal
from shared.messages import ArticleIngested, ArticleStored, ArticleWithdrawn, Identity, Message
from shared.observability.metrics import Metrics, Processed
from shared.observability.process_state import State
from shared.runtime.delivery import ACK, RETRY, UNANSWERED, DeliveryAttempt, DeliveryContext
from shared.runtime.worker_thread import off_loop
from shared.topology import stream_of

articles = logging.getLogger("wireroom.articles")

Send = Callable[[NatsPublishCommand], Awaitable[Any]]


@dataclass(frozen=True)
class Delivery:
    """What the broker knows of a message: its place in the stream and when it was stored there."""

    sequence: int
    received_at: datetime
    size: int = 0  # bytes of the message
    subject: str = ""
    redelivered: bool = False  # it was delivered before; then it is worked on alone


Delivered = Annotated[Delivery, Context("delivery")]  # a handler's parameter


@dataclass(frozen=True)
class Deliveries:
    """What the middlewares of all deliveries of a service share."""

    context: DeliveryContext
    state: State
    withdrawals: Withdrawals
    metrics: Metrics


class DeliveryMiddleware(BaseMiddleware[NatsPublishCommand, Msg | None]):
    """The middleware of one delivery, or of one message that is published outside any."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, deliveries: Callable[[], Deliveries]) -> None:
        super().__init__(msg, context=context)
        self._all = deliveries()
        self._began = time.perf_counter()
        self._result: Message | None = None  # of the handler, or what was published instead of it

    async def __aenter__(self) -> Self:
        assert self.msg is not None  # noqa: S101 - only a delivery is entered
        self._in_flight = self._all.state.in_flight(self.msg.metadata.timestamp)
        self._attempt = DeliveryAttempt(self.msg, self._all.context, self._in_flight.__enter__())
        try:
            await self._attempt.__aenter__()
        except BaseException:
            self._in_flight.__exit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool:
        try:
            suppressed = await self._attempt.__aexit__(exc_type, exc_val, exc_tb)
            if suppressed:
                self._report(self._attempt.outcome)
        finally:
            self._in_flight.__exit__(None, None, None)
        return suppressed

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:  # noqa: ANN401 - as FastStream has it
        raw: Msg = msg.raw_message
        place = raw.metadata
        redelivered = place.num_delivered > 1
        delivery = Delivery(place.sequence.stream, place.timestamp, len(raw.data), raw.subject, redelivered)
        with self.context.scope("delivery", delivery):
            result = await self._attempt.hold(partial(call_next, msg))
        self._result = result.facts if isinstance(result, Encoded) else result
        return result

    async def publish_scope(self, call_next: Send, cmd: NatsPublishCommand) -> PubAck | None:
        """Publish a message of ours; None, which a handler without a result returns, is not published."""
        message = cmd.body
        if message is None:
            return None
        if not isinstance(message, Message | Encoded):
            raise TypeError(f"{type(message).__name__} is no message; {cmd.destination} takes those of shared.messages")
        given = accepted(self.msg.headers) if self.msg else {}
        trace = cmd.headers.get("traceparent") or given.get("traceparent")
        work = partial(self._publish, call_next, cmd, message, given | ({"traceparent": trace} if trace else {}))
        if self.msg is None:
            return await work()
        return await self._attempt.hold(work)

    async def _publish(
        self, call_next: Send, cmd: NatsPublishCommand, given_message: Message | Encoded, given: dict[str, str]
    ) -> PubAck | None:
        """Publish the message, or its withdrawal if it was taken down meanwhile."""
        context, size = self._all.context, len(self.msg.data) if self.msg else 0
        encoded = given_message if isinstance(given_message, Encoded) else None
        message = given_message.facts if isinstance(given_message, Encoded) else given_message
        if isinstance(message, Identity) and (reason := self._all.withdrawals.reason(message.id)):
            message, encoded = withdrawal(message, reason), None
        envelope = provenance(given) | headers(
            message,
            service=context.service,
            now=datetime.now(UTC),
            trace=given.get("traceparent"),
            replay=given.get(REPLAY),
        )
        cmd.destination, cmd.stream, cmd.timeout = message.subject, stream_of(type(message)), PUBLISH_TIMEOUT
        cmd.body = encoded.data if encoded else (await off_loop(size, message.model_dump_json)).encode()
        cmd.correlation_id = None
        ack = await publish(
            cast("JetStreamContext", _Through(context.js, call_next, cmd)),
            cmd.destination,
            cmd.body,
            stream=cmd.stream,
            headers=envelope,
            same=partial(says_the_same, encoded or message),
        )
        self._result = message
        if isinstance(message, ArticleWithdrawn) and self.msg:
            await erase(context.js, self.msg.metadata.stream, self.msg.metadata.sequence.stream)
        return ack

    def _report(self, outcome: str) -> None:
        """Count the article, and write its line: exactly once for each answer the broker was given."""
        raw, seconds = self.msg, time.perf_counter() - self._began
        assert raw is not None  # noqa: S101 - only a delivery is answered
        self._all.state.settled(outcome)
        said = _said(self._result) if outcome == ACK else outcome
        if outcome not in {RETRY, UNANSWERED}:
            acknowledged = outcome == ACK
            result = self._result if acknowledged else None
            self._all.metrics.processed(Processed(said, seconds, len(raw.data), result, not acknowledged))
        found = _identity(raw, self._result)
        articles.info(
            "%s of %s: %s in %.1f ms",
            *(found[0], found[1], said, 1000 * seconds),
            extra={"article": {"id": found[0], "source": found[1], "outcome": said, "ms": round(1000 * seconds, 1)}},
        )


class _Through:
    """A JetStream context that publishes through the rest of FastStream's chain of publishing."""

    def __init__(self, js: JetStreamContext, call_next: Send, cmd: NatsPublishCommand) -> None:
        self._js, self._call_next, self._cmd = js, call_next, cmd

    async def get_msg(self, stream: str, sequence: int) -> RawStreamMsg:
        return await self._js.get_msg(stream, sequence)

    async def publish(self, _subject: str, _data: bytes, *, headers: dict[str, str], **_: object) -> PubAck:
        self._cmd.headers = headers  # the rest of the command is what it was set to
        ack: PubAck = await self._call_next(self._cmd)
        return ack


def _said(result: Message | None) -> str:
    """Return the outcome of an acknowledged message: what the store made of it, or the event that was published."""
    if isinstance(result, ArticleStored):
        return result.outcome
    return result.event if result else ACK


def _identity(raw: Msg, result: Message | None) -> tuple[str, str]:
    """Return id and source of an article, "-" where a message does not say them."""
    if isinstance(result, Identity):
        return result.id, result.source
    found = "" if raw.metadata.stream == "INBOX" else accepted(raw.headers).get("ce-id", "")
    return (found.split(":")[1:2] or ["-"])[0], source_of(raw)


def says_the_same(message: Message | Encoded, subject: str, stored: bytes) -> bool:
    """Tell whether a stored message is an earlier copy of this one, made before a crash: of the same version and text.

    A raw article is a function of its submission, so its copy is equal to the byte and needs no more than that.
    """
    if isinstance(message, Encoded):
        message = message.decoded()
    if isinstance(message, ArticleIngested) or not isinstance(message, Identity) or subject != message.subject:
        return False
    try:
        found = type(message).model_validate_json(stored)
    except ValidationError:
        return False
    fields = {*Identity.model_fields, "language", "paragraphs"}
    return all(getattr(found, name, None) == getattr(message, name, None) for name in fields)
