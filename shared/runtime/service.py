"""The broker of a service: FastStream's NatsBroker with continuous pull consumers and our delivery middleware.

A service is a FastStream application over such a broker (``services/*/app.py``): ``@broker.subscriber`` takes a
consumer of the topology, ``@broker.publisher`` a message. FastStream's own fetching leaves a worker idle between two
batches and its default acknowledgement loses messages; both are replaced inside the framework's parts.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from faststream.nats import JStream, NatsBroker
from faststream.nats.publisher.usecase import LogicPublisher
from faststream.nats.security import NatsToken, NatsUserPassword
from faststream.security import BaseSecurity
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.broker import nats_client
from shared.broker.connect import is_refusal, refused
from shared.broker.dead_letters import DeadLetters
from shared.broker.nats_address import login, servers, without_password
from shared.broker.publish import PUBLISH_TIMEOUT
from shared.broker.withdrawals import Withdrawals
from shared.errors import Unavailable, WrongSetting
from shared.messages import Message
from shared.observability import probes
from shared.observability.add_span import AddSpan
from shared.observability.metrics import Metrics, faststream_metrics
from shared.observability.process_state import State
from shared.runtime import faststream_internals
from shared.runtime.crash_guard import CrashGuard
from shared.runtime.delivery import Attempts, DeliveryContext
from shared.runtime.faststream_internals import jetstream
from shared.runtime.middleware import Deliveries, DeliveryMiddleware
from shared.runtime.quotas import MONTH, Allowance, Quota
from shared.runtime.retention import keep_trimming
from shared.runtime.subscriber import ContinuousPullSubscriber
from shared.settings import Settings
from shared.topology import CONSUMERS, Consumer, stream_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)

_PAUSE_AFTER_ERROR = 5.0  # seconds, such as after a broker that did not answer in time
_RELEASE = 0.1  # seconds FastStream waits after our reader, which has waited already


class Broker(NatsBroker):
    """One service's connection, consumer and outcomes; nothing connects before it is started.

    Handlers are called with the decoded message and their ``Context`` parameters; the message is checked by
    ``shared/decoding.py`` and not by FastDepends, which would take twice the time of everything else here.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        attempts: Attempts | None = None,
        tracer: "TracerProvider | None" = None,
    ) -> None:
        self.service, self.settings, self.attempts = name, settings, attempts or Attempts()
        self.state = State(starting=True)
        self.metrics = Metrics(name, self.state)
        self.withdrawals = Withdrawals()
        self.deliveries: Deliveries | None = None  # once it is connected
        self._check: probes.Check | None = None
        self._before_reading: Callable[[Client], Awaitable[None]] | None = None
        self._reads: list[Consumer] = []
        self._consumer: ContinuousPullSubscriber | None = None
        self._around = AsyncExitStack()
        self._tracer, self.add_span, tracing = _tracing(name, settings, tracer, self._reads)
        super().__init__(
            servers(settings.nats_url),
            name=f"wireroom-{name}",
            security=_security(settings.nats_url),
            inbox_prefix=login(settings.nats_url).get("inbox_prefix", "_INBOX"),
            logger=None,
            apply_types=False,
            graceful_timeout=_RELEASE,
            middlewares=(
                *tracing,
                faststream_metrics(self.metrics, self._reads),
                partial(DeliveryMiddleware, deliveries=self._deliveries),
            ),
            max_reconnect_attempts=-1,  # after giving up, the pull loop would starve the event loop for ever
            ping_interval=10,  # a half-open connection is noticed after two missed pings, not after four minutes
            closed_cb=self._end_unless_stopping,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            error_cb=self._connection_error,
        )

    def subscriber(  # type: ignore[override] # a consumer of the topology in place of two dozen options
        self, reads: Consumer, *, prefetch: int = 0, decoded: bool = True
    ) -> ContinuousPullSubscriber:
        """Return the decorator of the handler of a durable consumer, which has to exist on the broker.

        ``prefetch`` raises the number of messages in flight above the consumer's own. A handler whose work is done in
        other processes may take a message as bytes, ``Undecoded``: ``decoded=False``.
        """
        if self._reads:
            raise ValueError(f"{self.service} reads {self._reads[0].durable} already; a service has one consumer")
        self._reads.append(replace(reads, prefetch=max(reads.prefetch, prefetch)))
        self._consumer = ContinuousPullSubscriber(self, self._reads[0], decoded=decoded)
        faststream_internals.register(self, self._consumer)
        return self._consumer

    def publisher(self, model: type[Message]) -> LogicPublisher:  # type: ignore[override] # a message in place of options
        """Return the decorator that publishes what a handler returns, on the message's own subject and stream.

        A handler may return None, which publishes nothing, or the message with its bytes, ``Encoded``.
        """
        return super().publisher(
            model.subject_pattern,
            stream=JStream(stream_of(model), declare=False),
            timeout=PUBLISH_TIMEOUT,
            schema=model,
        )

    @property
    def reads(self) -> Consumer:
        return self._reads[0]

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream context; only valid once it is connected."""
        return jetstream(self)

    def depends_on(self, check: probes.Check) -> None:
        """Let ``check`` look every two seconds whether a dependency is available; it raises Unavailable if not."""
        self._check = check

    def before_reading(self, step: Callable[[Client], Awaitable[None]]) -> None:
        """Let ``step`` run between connecting and the first message; what it raises ends the start."""
        self._before_reading = step

    def prepare(self, js: JetStreamContext, crash_guard: CrashGuard, dead_letters: DeadLetters) -> None:
        """Set what deliveries are answered with; ``start`` does, and tests with parts of their own."""
        context = DeliveryContext(
            self.service,
            js,
            crash_guard,
            self.attempts,
            probes.end_process,
            dead_letters,
            self.state.breaker,
            retried=self.metrics.retried,
        )
        self.deliveries = Deliveries(context, self.state, self.withdrawals, self.metrics)
        self._setup_logger()

    async def connect(self) -> Client:
        """Connect, and prepare to answer deliveries."""
        if self.deliveries is None:
            connection = await super().connect()
            js = self.jetstream
            quota = Quota(Allowance(self.settings.source_dead_letter_bytes, MONTH, "bytes"))
            dead_letters = DeadLetters(self.service, js, quota)
            await self._around.enter_async_context(dead_letters.running())
            self.prepare(js, CrashGuard(js), dead_letters)
            return connection
        return await super().connect()

    async def start(self) -> None:
        """Connect, wait until the consumer is declared, and begin to read."""
        connection = await self.connect()
        if self._before_reading:
            await self._before_reading(connection)
        watch = probes.Watch(self.jetstream, self.reads, self.state, self._check)
        await watch.wait_until_declared()
        await self.withdrawals.follow(connection, self.jetstream)
        await self._around.enter_async_context(watch)
        await self._around.enter_async_context(_trimming(self.reads, self.jetstream))
        await super().start()
        self.state.start()

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Finish what is in flight, answer it, and only then close the connection."""
        self.state.stop()
        for subscriber in self.subscribers:
            await subscriber.stop()
        await self._around.aclose()
        await super().stop(exc_type, exc_val, exc_tb)
        if self._tracer:
            await asyncio.to_thread(self._tracer.shutdown)  # sends the last spans

    async def process(self, raw: Msg) -> None:
        """Take one message that was fetched by other means through the handlers, the outcome included."""
        assert self._consumer is not None  # noqa: S101 - what reads nothing is given nothing
        if not self._consumer.running:
            self._consumer.prepare()
        await self._consumer.process_message(raw)

    async def _connect(self) -> Client:
        """Connect with our client, which survives any subject and header."""
        connection = await nats_client.connect(**self._connection_kwargs)
        self.config.connect(connection)
        return connection

    def _deliveries(self) -> Deliveries:
        assert self.deliveries is not None  # noqa: S101 - no message comes before the connection
        return self.deliveries

    async def _disconnected(self) -> None:
        self.state.lost("the connection to NATS is lost")

    async def _reconnected(self) -> None:
        """What was withdrawn while the broker was unavailable was not heard, and what was asked for is not coming."""
        self.withdrawals.load_soon(self.jetstream)
        if self._consumer:
            self._consumer.ask_again()

    async def _end_unless_stopping(self) -> None:
        """A closed connection never comes back by itself; the supervisor or the container starts us anew."""
        if not self.state.stopping:
            log.critical("the connection to NATS is closed for good; ending this process to be started again")
            probes.end_process()

    async def _connection_error(self, error: Exception) -> None:
        """Log each failed attempt to reach the broker, some seconds apart, and what it refuses in between.

        Credentials that are refused at the start are wrong; refused later they may be given back, so it waits.
        """
        url = self.settings.nats_url
        if is_refusal(error) and self.state.starting:
            probes.end_misconfigured(refused(url))
        log.warning("NATS at %s: %s", without_password(url), str(error) or type(error).__name__)


@asynccontextmanager
async def _trimming(reads: Consumer, js: JetStreamContext) -> AsyncIterator[None]:
    """A service of the topology trims the stream it reads; a consumer built with this shell deletes nothing."""
    of_ours = any(reads.durable == each.durable and reads.stream == each.stream for each in CONSUMERS)
    task = asyncio.create_task(keep_trimming(js, reads.stream)) if of_ours else None
    try:
        yield
    finally:
        if task:
            task.cancel()


def _tracing(
    name: str, settings: Settings, tracer: "TracerProvider | None", reads: list[Consumer]
) -> tuple["TracerProvider | None", AddSpan | None, tuple[Any, ...]]:
    """Return what sends spans, what adds one and the middlewares that do; nothing unless a collector is named."""
    if not (tracer or settings.otlp_endpoint):
        return None, None, ()
    try:
        from shared.observability import tracing  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as missing:
        what_now = "Install the extra `tracing`, or unset it"
        raise WrongSetting(f"WIREROOM_OTLP_ENDPOINT: there is no {missing.name}. {what_now}.") from None
    tracer = tracer or tracing.exporting(name, str(settings.otlp_endpoint))
    add_span = tracing.adding(tracer)
    return tracer, add_span, tracing.middlewares(tracer, add_span, reads)


def _security(url: str) -> BaseSecurity | None:
    match login(url):
        case {"user": user, "password": password}:
            return NatsUserPassword(user, password)
        case {"token": token}:
            return NatsToken(token)
    return None


async def until_available(start: Callable[[], Awaitable[None]]) -> None:
    """Run a start-up step; while its dependency is unavailable say so and try again every two seconds."""
    while True:
        try:
            return await start()
        except Unavailable as outage:
            log.warning("%s; waiting for it", outage)
            await asyncio.sleep(2)


@asynccontextmanager
async def kept_running(
    work: Callable[[], Awaitable[None]], what: str, *, pause: float = _PAUSE_AFTER_ERROR
) -> AsyncIterator[None]:
    """Run ``work`` until the block ends; an error is logged behind ``what``, and it begins anew after ``pause`` s."""
    task = asyncio.create_task(_again_and_again(work, what, pause))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _again_and_again(work: Callable[[], Awaitable[None]], what: str, pause: float) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s, and it is tried again", what)
            await asyncio.sleep(pause)
        else:
            return
