"""Fakes with the real interface: what a broker is asked to do, remembered instead of done."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from faststream import FastStream
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import PubAck

from shared.broker.dead_letters import DeadLetters
from shared.runtime.breaker import Breaker
from shared.runtime.crash_guard import CrashGuard
from shared.runtime.delivery import Attempts, DeliveryAttempt, DeliveryContext, Work
from shared.runtime.process_state import InFlight
from shared.runtime.service import Broker
from tests.factories import NOON


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
        assert timeout, "the client's default of half a second reports false failures"
        if self._errors:
            raise self._errors.pop(0)
        self.published.append(Published(subject, payload, stream, dict(headers or {})))
        return PubAck(stream=stream or "", seq=len(self.published))


@dataclass
class Sequence:
    stream: int = 7
    consumer: int = 3


@dataclass
class Metadata:
    num_delivered: int = 1
    stream: str = "RAW"
    consumer: str = "extract"
    sequence: Sequence = field(default_factory=Sequence)
    timestamp: datetime = NOON


class FakeMsg(Msg):
    """A delivery that remembers how it was answered."""

    def __init__(
        self,
        data: bytes = b"{}",
        headers: dict[str, str] | None = None,
        *,
        delivered: int = 1,
        place: Metadata | None = None,
    ) -> None:
        self.subject, self.data, self._given = "news.v1.raw.harbour-gazette", data, headers
        self.answers: list[Any] = []
        self._place = place or Metadata(num_delivered=delivered)

    @property
    def headers(self) -> dict[str, str] | None:  # type: ignore[override] # the client declares a plain field
        return self._given

    @property
    def metadata(self) -> Any:  # noqa: ANN401 - stands for the client's own
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


def a_context(
    js: object,
    attempts: Attempts,
    *,
    name: str = "extract",
    crash_guard: object = None,
    end_process: Callable[[], None] | None = None,
    breaker: Breaker | None = None,
) -> DeliveryContext:
    """Return what deliveries are answered with, fakes or the real things; nothing ends the process unless it may."""
    end, broker = end_process or _nothing_hangs, cast("JetStreamContext", js)
    guard = cast("CrashGuard", crash_guard or FakeCrashGuard())
    return DeliveryContext(name, broker, guard, attempts, end, DeadLetters(name, broker), breaker or Breaker())


async def settle(raw: Msg, work: Work[object], context: DeliveryContext, in_flight: InFlight | None = None) -> str:
    """Do the work of one delivery as the middleware does, and return the outcome."""
    attempt = DeliveryAttempt(raw, context, in_flight)
    async with attempt:
        await attempt.hold(work)
    return attempt.outcome


def prepared(service: FastStream, js: object, crash_guard: object) -> FastStream:
    """Return a service whose deliveries are answered and whose results are published by ``js``, not connected."""
    broker, stream = cast("Broker", service.broker), cast("JetStreamContext", js)
    broker.config.js_producer.connect(stream, serializer=None)
    broker.prepare(stream, cast("CrashGuard", crash_guard), DeadLetters(broker.service, stream))
    return service


def _nothing_hangs() -> None:
    raise AssertionError("nothing here hangs")
