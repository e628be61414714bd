"""A service or consumer without a broker: messages are given to it, and what it answers and publishes is remembered."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from faststream import FastStream
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import PubAck

from shared.broker.dead_letters import DeadLetters
from shared.broker.envelope import headers
from shared.messages import Message
from shared.runtime.crash_guard import CrashGuard
from shared.runtime.service import Broker
from wireroom.testing.factories import NOON


@dataclass
class Published:
    subject: str
    data: bytes
    stream: str | None
    headers: dict[str, str]


class FakeJetStream:
    """Takes what is published, or raises the errors it was given, one for each call, before it takes anything."""

    def __init__(self, *errors: Exception) -> None:
        self.published: list[Published] = []
        self._errors = list(errors)

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - the client's own interface
        stream: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> PubAck:
        if not timeout:
            raise AssertionError("the client's default of half a second reports false failures")
        if self._errors:
            raise self._errors.pop(0)
        self.published.append(Published(subject, payload, stream, dict(headers or {})))
        return PubAck(stream=stream or "", seq=len(self.published))


def metadata(sequence: int = 7, *, stream: str = "RAW", consumer: str = "extract", delivered: int = 1) -> Msg.Metadata:
    """Return where a message stands, and how many times it was delivered."""
    place = Msg.Metadata.SequencePair(consumer=3, stream=sequence)
    return Msg.Metadata(place, 0, delivered, NOON, stream, consumer)


class FakeMsg(Msg):
    """A delivery that remembers in ``answers`` how it was answered: "ack", "term", "in_progress" or ("nak", delay)."""

    def __init__(
        self,
        data: bytes = b"{}",
        headers: dict[str, str] | None = None,
        *,
        delivered: int = 1,
        place: Msg.Metadata | None = None,
    ) -> None:
        self.subject, self.data, self._given = "news.v1.raw.harbour-gazette", data, headers
        self.answers: list[Any] = []
        self._place = place or metadata(delivered=delivered)

    @property
    def headers(self) -> dict[str, str] | None:  # type: ignore[override] # the client declares a plain field
        return self._given

    @property
    def metadata(self) -> Msg.Metadata:
        return self._place

    async def ack(self) -> None:
        self.answers.append("ack")

    async def nak(self, delay: float | None = None) -> None:
        self.answers.append(("nak", delay))

    async def term(self) -> None:
        self.answers.append("term")

    async def in_progress(self) -> None:
        self.answers.append("in_progress")


class FakeCrashGuard:
    """Notes in memory, by the message's place in its stream; ``before`` is what earlier crashes have left."""

    def __init__(self, before: int = 0) -> None:
        self.quarantine = asyncio.Lock()
        self.notes: dict[int, int] = {}
        self.cleared = 0
        self._before = before

    async def note(self, raw: Msg) -> int:
        place = raw.metadata.sequence.stream
        before = self.notes.get(place, self._before)
        self.notes[place] = before + 1
        return before

    async def clear(self, raw: Msg) -> None:
        self.cleared += 1
        self.notes.pop(raw.metadata.sequence.stream, None)


def prepared(service: FastStream, js: object, crash_guard: object = None) -> FastStream:
    """Return a service whose deliveries are answered and whose results are published by ``js``, not connected."""
    broker, stream = cast("Broker", service.broker), cast("JetStreamContext", js)
    broker.config.js_producer.connect(stream, serializer=None)
    broker.prepare(stream, cast("CrashGuard", crash_guard or FakeCrashGuard()), DeadLetters(broker.service, stream))
    return service


async def deliver(service: FastStream, message: Message | bytes, *, sequence: int = 1, delivered: int = 1) -> FakeMsg:
    """Give a prepared service one message, as its broker would, and return the delivery with its answers.

    The whole way of a delivery is gone: decoding, the handler, publishing, acknowledgement, retry or dead letter. Bytes
    are delivered as they are, without headers.
    """
    broker = cast("Broker", service.broker)
    reads = broker.reads
    place = metadata(sequence, stream=reads.stream, consumer=reads.durable, delivered=delivered)
    if isinstance(message, bytes):
        raw = FakeMsg(message, place=place)
        raw.subject = reads.subject.replace(">", "test")
    else:
        raw = FakeMsg(message.model_dump_json().encode(), headers(message, service="test", now=NOON), place=place)
        raw.subject = message.subject
    await broker.process(raw)
    return raw
