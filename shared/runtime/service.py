"""A service: one durable consumer, one handler, and around it what every service needs.

FastStream runs the connection, the lifespan and the HTTP side; taking messages (``shared/runtime/subscriber.py``) and
answering them (``shared/runtime/delivery.py``) is ours, because its fetching leaves a worker idle and its
default loses messages.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from faststream.asgi import AsgiFastStream
from faststream.nats import NatsBroker
from faststream.nats.security import NatsToken, NatsUserPassword
from faststream.security import BaseSecurity
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import ValidationError

from shared.broker import nats_client
from shared.broker.connect import is_refusal, refused
from shared.broker.dead_letters import DeadLetters
from shared.broker.envelope import REPLAY, accepted, headers, provenance
from shared.broker.nats_address import login, servers, without_password
from shared.broker.publish import publish
from shared.broker.withdrawals import Withdrawals, erase, withdrawal
from shared.decoding import decode
from shared.errors import Unavailable
from shared.messages import ArticleIngested, ArticleWithdrawn, Identity, Message
from shared.runtime import probes
from shared.runtime.crash_guard import Suspects
from shared.runtime.delivery import Attempts, Desk, settle
from shared.runtime.process_state import State
from shared.runtime.quotas import MONTH, Allowance, Quota
from shared.runtime.retention import keep_trimming
from shared.runtime.subscriber import Reader
from shared.runtime.worker_thread import off_loop
from shared.settings import Settings
from shared.topology import CONSUMERS, NEWS, Consumer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """What the broker knows of a message: its place in the stream and when it was taken."""

    sequence: int
    received_at: datetime
    size: int = 0  # bytes of the message


Handler = Callable[[Any, Delivery], Awaitable[Message | None]]
OpenHandler = Callable[[Settings], AbstractAsyncContextManager[Handler]]
OpenCheck = Callable[[Settings], AbstractAsyncContextManager[probes.Check]]


@dataclass(frozen=True)
class Service:
    """``open_handler`` makes what the handler needs, yields the handler, and closes it all again.

    ``open_check`` yields what looks every two seconds whether a dependency is there, and raises Unavailable if not.
    """

    name: str
    reads: Consumer
    writes: str | None  # the stream its results go to; None for a service whose results leave the queue
    open_handler: OpenHandler
    attempts: Attempts = field(default=Attempts())
    open_check: OpenCheck | None = None
    hand: Callable[[], int] | None = None  # of one process at once, where its settings say that it takes more

    def bound(self) -> Consumer:
        """Return what this process reads, with what it may have in hand."""
        return replace(self.reads, hand=max(self.reads.hand, self.hand() if self.hand else 0))


def build(service: Service, settings: Settings) -> AsgiFastStream:
    """Make the application; nothing connects before it runs."""
    running, withdrawals, reader = State(starting=True), Withdrawals(), Reader(service.bound())

    async def reconnected() -> None:
        """What was withdrawn while the broker was away was not heard, and what was asked for is not coming."""
        withdrawals.load_soon(jetstream(broker))
        reader.ask_again()

    broker = _Broker(
        servers(settings.nats_url),
        name=f"wireroom-{service.name}",
        security=_security(settings.nats_url),
        logger=None,
        max_reconnect_attempts=-1,  # after giving up, the pull loop would starve the event loop for ever
        ping_interval=10,  # a half-open connection is noticed after two missed pings, not after four minutes
        closed_cb=_ending(running),
        disconnected_cb=_red(running),
        reconnected_cb=reconnected,
        error_cb=_telling(settings.nats_url, running),
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        open_check = service.open_check or _no_check
        measured = running.loop.measured()
        async with measured, service.open_handler(settings) as handler, open_check(settings) as check:
            connection = await broker.connect()
            js = jetstream(broker)
            quota = Quota(Allowance(settings.source_dead_letter_bytes, MONTH, "bytes"))
            dead_letters = DeadLetters(service.name, js, quota)
            suspects = Suspects(js)
            desk = Desk(service.name, js, suspects, service.attempts, probes.end_process, dead_letters, running.breaker)

            async def take(raw: Msg) -> None:
                with running.holding() as hand:
                    work = partial(handle, raw, service, handler, js, withdrawals)
                    running.settled(await settle(raw, work, desk, hand))

            watch = probes.Watch(js, service.reads, running, check)
            await watch.wait_until_declared()
            await withdrawals.follow(connection, js)
            async with watch, dead_letters.running(), _trimming(service, js):
                await reader.start(connection, take)
                yield

    stopping = (running.stop, reader.stop)  # before the connection goes, over which the answers do
    app = AsgiFastStream(broker, lifespan=lifespan, asgi_routes=probes.routes(running), on_shutdown=stopping)
    app.after_startup(running.start)
    return app


@asynccontextmanager
async def _trimming(service: Service, js: JetStreamContext) -> AsyncIterator[None]:
    """A service of the topology trims the stream it reads; a consumer built with this shell deletes nothing."""
    task = asyncio.create_task(keep_trimming(js, service.reads.stream)) if service.reads in CONSUMERS else None
    try:
        yield
    finally:
        if task:
            task.cancel()


@asynccontextmanager
async def _no_check(_settings: Settings) -> AsyncIterator[None]:
    """Nothing but the broker is needed."""
    yield


async def handle(raw: Msg, service: Service, handler: Handler, js: JetStreamContext, withdrawals: Withdrawals) -> None:
    """Decode one delivery, run the handler, publish its result; raises what `settle` answers the broker for."""
    place, given = raw.metadata, accepted(raw.headers)
    message = await off_loop(len(raw.data), decode, raw.data, service.reads.model_of(raw.subject), given)
    result = await handler(message, Delivery(place.sequence.stream, place.timestamp, len(raw.data)))
    if isinstance(result, Identity) and (reason := withdrawals.reason(result.id)):
        result = withdrawal(result, reason)
    if result is None or service.writes is None:
        return
    envelope = provenance(given) | headers(
        result,
        service=service.name,
        now=datetime.now(UTC),
        trace=given.get("traceparent"),
        replay=given.get(REPLAY),
    )
    withdrawn = isinstance(result, ArticleWithdrawn)
    stream = NEWS if withdrawn else service.writes
    data = (await off_loop(len(raw.data), result.model_dump_json)).encode()
    await publish(js, result.subject, data, stream=stream, headers=envelope, same=partial(says_the_same, result))
    if withdrawn:
        await erase(js, place.stream, place.sequence.stream)


def says_the_same(message: Message, subject: str, stored: bytes) -> bool:
    """Tell whether a stored message is an earlier copy of this one, made before a crash: of the same version and text.

    A raw article is a function of its submission, so its copy is equal to the byte and needs no more than that.
    """
    if isinstance(message, ArticleIngested) or not isinstance(message, Identity) or subject != message.subject:
        return False
    try:
        found = type(message).model_validate_json(stored)
    except ValidationError:
        return False
    fields = {*Identity.model_fields, "language", "paragraphs"}
    return all(getattr(found, name, None) == getattr(message, name, None) for name in fields)


class _Broker(NatsBroker):
    """FastStream's broker over our client, which survives any subject and header."""

    async def _connect(self) -> Client:
        connection = await nats_client.connect(**self._connection_kwargs)
        self.config.connect(connection)
        return connection


def jetstream(broker: NatsBroker) -> JetStreamContext:
    """Return the broker's JetStream context; only valid once it is connected."""
    js: JetStreamContext = broker.config.connection_state.stream
    return js


def _security(url: str) -> BaseSecurity | None:
    match login(url):
        case {"user": user, "password": password}:
            return NatsUserPassword(user, password)
        case {"token": token}:
            return NatsToken(token)
    return None


def _telling(url: str, running: State) -> Callable[[Exception], Awaitable[None]]:
    async def tell(error: Exception) -> None:
        """Each failed attempt to reach the broker, some seconds apart, and what it refuses in between.

        Credentials that are refused at the start are wrong; refused later they may be given back, so it waits.
        """
        if is_refusal(error) and running.starting:
            probes.end_misconfigured(refused(url))
        log.warning("NATS at %s: %s", without_password(url), str(error) or type(error).__name__)

    return tell


def _red(running: State) -> Callable[[], Awaitable[None]]:
    async def lose() -> None:
        running.lost("the connection to NATS is lost")

    return lose


def _ending(running: State) -> Callable[[], Awaitable[None]]:
    async def end_process() -> None:
        """A closed connection never comes back by itself; the supervisor or the container starts us anew."""
        if not running.stopping:
            log.critical("the connection to NATS is closed for good; ending this process to be started again")
            probes.end_process()

    return end_process


async def until_available(start: Callable[[], Awaitable[None]]) -> None:
    """Run a start-up step; while its dependency is away say so and try again every two seconds."""
    while True:
        try:
            return await start()
        except Unavailable as outage:
            log.warning("%s; waiting for it", outage)
            await asyncio.sleep(2)
