"""Continuous pull consumer: work on a message begins as it arrives, with a bounded number of messages in flight.

The pull requests are our own. FastStream fetches again only once all it fetched is answered, so a service that works
on batches stands still between two; and where two readers share a durable, nats-py's ``fetch`` waits for the rest of
a batch, up to its whole time-out, with what it has already got.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from faststream.message import StreamMessage
from faststream.nats import NatsBroker
from faststream.nats.subscriber.usecases.stream_pull_subscriber import PullStreamSubscriber
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from shared.broker.dead_letters import source_of
from shared.broker.encoded import Undecoded
from shared.broker.envelope import accepted
from shared.decoding import decode
from shared.messages import Message
from shared.runtime import faststream_internals
from shared.runtime.worker_thread import off_loop
from shared.topology import Consumer

log = logging.getLogger(__name__)

Take = Callable[[Msg], Coroutine[Any, Any, object]]

_EXPIRES = 5.0  # seconds a request waits in the broker
_OVERDUE = _EXPIRES + 1.0  # without even the end of a request, it was lost with a broker or a connection
_PAUSE = 1.0  # seconds before the next request, where one was refused: the consumer or the stream may be missing
_PATIENCE = 15.0  # seconds for what is in flight when the service stops
_DRAIN = 2.0  # seconds for the broker to say that it sends nothing more
_TIMED_OUT = "408"  # how a request ends that was not filled


class PullReader:
    """One process's reader of a durable that others read too."""

    def __init__(self, reads: Consumer) -> None:
        self._most = reads.prefetch
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{reads.stream}.{reads.durable}"
        self._in_flight: set[asyncio.Task[object]] = set()
        self._asked = 0  # messages that were asked for and are not here
        self._pause = 0.0
        self._room = asyncio.Event()
        self._inbox: Subscription | None = None
        self._asking: asyncio.Task[None] | None = None

    async def start(self, connection: Client, take: Take) -> None:
        """Begin to ask for messages, and ``take`` each; what that does not answer is delivered again."""

        async def arrived(message: Msg) -> None:
            if message.reply:
                self._begin(take(message))
            else:  # a status of a request; by its headers alone a publisher could forge one
                self._ended(message.headers or {})

        self._inbox = await connection.subscribe(connection.new_inbox(), cb=arrived)
        self._asking = asyncio.create_task(self._ask(connection, self._inbox.subject))

    async def stop(self) -> None:
        """Ask for no more, and wait for what is in flight; what it does not end in time is delivered again.

        What the broker has sent until then is taken too: left unread, nobody would have it for the whole ``ack_wait``.
        """
        if self._asking:
            self._asking.cancel()
        if self._inbox:
            with suppress(NatsError, TimeoutError):  # the connection is closed already, or the broker unavailable
                async with asyncio.timeout(_DRAIN):
                    await self._inbox.drain()  # type: ignore[no-untyped-call] # nats-py's
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=_PATIENCE)

    def ask_again(self) -> None:
        """Forget what was asked for: a new connection, or a new broker, does not know of it."""
        self._asked = 0
        self._room.set()

    async def _ask(self, connection: Client, inbox: str) -> None:
        while True:
            self._room.clear()
            if connection.is_connected and (wanted := self._wanted()):
                await self._request(connection, inbox, wanted)
            try:
                async with asyncio.timeout(_OVERDUE):
                    await self._room.wait()
            except TimeoutError:
                self._asked = 0
            await asyncio.sleep(self._pause)
            self._pause = 0.0

    def _wanted(self) -> int:
        """Return how many to ask for: none for a little room, for each request costs the broker something."""
        room = self._most - len(self._in_flight) - self._asked
        return room if room >= max(self._most // 4, 1) else 0

    async def _request(self, connection: Client, inbox: str, messages: int) -> None:
        request = {"batch": messages, "expires": int(_EXPIRES * 1e9)}
        self._asked += messages
        try:
            await connection.publish(self._next, json.dumps(request).encode(), reply=inbox)
        except NatsError as error:
            log.warning("no messages can be asked for: %s", str(error) or type(error).__name__)
            self._asked, self._pause = 0, _PAUSE
            self._room.set()

    def _begin(self, work: Coroutine[Any, Any, object]) -> None:
        self._asked = max(self._asked - 1, 0)
        task = asyncio.create_task(work)
        self._in_flight.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[object]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a message could not be answered, it will be delivered again", exc_info=error)
        if self._wanted():
            self._room.set()

    def _ended(self, headers: Mapping[str, str]) -> None:
        """Take back what a request asked for and did not get."""
        self._asked = max(self._asked - int(headers.get("Nats-Pending-Messages", self._asked)), 0)
        if headers.get("Status") != _TIMED_OUT:
            self._pause = _PAUSE
        self._room.set()


class ContinuousPullSubscriber(PullStreamSubscriber):
    """FastStream's pull subscriber with our reader in place of its loop; made by ``Broker.subscriber``."""

    def __init__(self, broker: NatsBroker, reads: Consumer, *, decoded: bool = True) -> None:
        config, specification, calls, rest = faststream_internals.parts(broker, reads, decoded=decoded)
        super().__init__(config, specification, calls, **rest)
        self.reads, self._reader = reads, PullReader(reads)
        self._call_decorators = (faststream_internals.inject(lambda: broker.context),)
        self.add_call(parser_=None, decoder_=self._decode if decoded else self._undecoded, dependencies_=())

    async def _create_subscription(self) -> None:
        await self._reader.start(self.connection, self.process_message)

    async def stop(self) -> None:
        """Ask for no more messages and wait for those in flight."""
        await self._reader.stop()
        await super().stop()

    def ask_again(self) -> None:
        self._reader.ask_again()

    def get_log_context(self, message: StreamMessage[Msg] | None) -> dict[str, str]:  # noqa: ARG002 - FastStream's own
        """Return nothing: FastStream logs nothing here, and makes it anew for each message."""
        return {}

    def prepare(self) -> None:
        """Make the handlers callable without reading from the broker."""
        self._build_fastdepends_model()
        self.running = True

    async def _decode(self, message: StreamMessage[Msg]) -> Message:
        """Return the body as the message of its subject; raises Rejected."""
        raw = message.raw_message
        model = self.reads.model_of(raw.subject)
        return await off_loop(len(raw.data), decode, raw.data, model, accepted(raw.headers))

    async def _undecoded(self, message: StreamMessage[Msg]) -> Undecoded:
        raw = message.raw_message
        return Undecoded(source_of(raw), accepted(raw.headers), raw.data)


def of(model: type[Message]) -> Callable[[StreamMessage[Msg]], Awaitable[bool]]:
    """Return a filter of messages, for a subscriber whose consumer reads several kinds."""
    beginning = model.subject_pattern.partition("{")[0]

    async def matches(message: StreamMessage[Msg]) -> bool:
        return message.raw_message.subject.startswith(beginning)

    return matches
