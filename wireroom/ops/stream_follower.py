"""Follows a subject of a stream through outages of the broker, without missing or repeating a message.

The position is the stream sequence of the last message given. A consumer does not survive a restart of its broker, so
after each outage another one begins behind that position.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

_AHEAD = 256  # messages taken from the broker and not yet given
_PAUSE = 0.2  # seconds between two questions to a broker whose JetStream is starting
_OUTAGE = (NatsError, TimeoutError, OSError)  # APIError is a NatsError: "temporarily unavailable" after a restart


class Follower:
    """One follower of one connection, whose callbacks are `lost` and `back`."""

    def __init__(self, stream: str, subject: str, say: Callable[[str], None]) -> None:
        self._stream, self._subject, self._say = stream, subject, say
        self.started = asyncio.Event()  # whatever comes from then on is given
        self._connected = asyncio.Event()
        self._connected.set()
        self._queue = asyncio.Queue[Msg | None](_AHEAD)  # None: the connection was lost behind these
        self._next = 0  # stream sequence to go on with; 0 before it is known

    async def lost(self) -> None:
        self._connected.clear()
        await self._queue.put(None)

    async def back(self) -> None:
        self._connected.set()

    async def messages(
        self, js: JetStreamContext, *, everything: bool, since: datetime | None, idle: float | None
    ) -> AsyncIterator[Msg]:
        """Yield messages from the first, from a time, or those that come from now on; ends after ``idle`` seconds.

        Raises NotFoundError where there is no such stream at the beginning.
        """
        last = (await js.stream_info(self._stream)).state.last_seq
        self._next = 1 if everything else 0 if since else last + 1
        self.started.set()
        while True:
            queue = self._queue = asyncio.Queue[Msg | None](_AHEAD)
            if not self._connected.is_set():
                await self._connected.wait()
            try:
                reader = await self._reader(js, queue, since)
            except _OUTAGE:
                await asyncio.sleep(_PAUSE)
                continue
            async for message in _given(queue, idle):
                if message is None:
                    break
                self._next = message.metadata.sequence.stream + 1
                yield message
            else:
                return
            await self._connected.wait()
            with suppress(*_OUTAGE):
                await reader.unsubscribe()

    async def _reader(
        self, js: JetStreamContext, queue: asyncio.Queue[Msg | None], since: datetime | None
    ) -> JetStreamContext.PushSubscription:
        state = (await js.stream_info(self._stream)).state
        if state.last_seq + 1 < self._next:
            self._say(f"stream {self._stream} lost its data or was given older data; following it from its beginning")
            self._next = 1
        if self._next:
            config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._next)
        else:
            start = since.isoformat() if since else None  # the client hands it on as it is: the broker wants RFC 3339
            config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=start)  # type: ignore[arg-type]
        return await js.subscribe(
            self._subject, stream=self._stream, cb=queue.put, ordered_consumer=True, config=config
        )


async def _given(queue: asyncio.Queue[Msg | None], idle: float | None) -> AsyncIterator[Msg | None]:
    with suppress(TimeoutError):
        while True:
            yield await asyncio.wait_for(queue.get(), idle)
