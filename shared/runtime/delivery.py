"""Outcome of a delivery: ack, retry with a delay, or dead letter. The one place that catches every exception.

ack          the work is durable downstream
retry        anything unexpected: nak with a growing delay, a bounded number of times, then a dead letter
             nearly all messages fail: the messages are held and one is tried now and then (breaker.py)
             a dependency is unavailable: the message is held and tried again; no attempt is spent, unless others get
             through meanwhile: then it is this message, and an attempt
dead letter  Rejected: to DEAD with the reason, wait for its PubAck, then term; what cannot be dead-lettered goes back
             to the broker, much later
crash guard  what ends or hangs the process: a redelivered message is worked on alone, so that only the culprit becomes
             a dead letter, as crash_loop or time_limit (crash_guard.py)
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.broker.dead_letter_status import DeadLetterState, report_state
from shared.broker.dead_letters import DeadLetters
from shared.errors import Reason, Rejected, Unavailable
from shared.observability.process_state import InFlight
from shared.runtime.breaker import Breaker, Key
from shared.runtime.crash_guard import CrashGuard

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[], Awaitable[T]]

ACK, RETRY, UNANSWERED = "done", "later", "unanswered"  # outcomes; any other is the reason of a dead letter

_LONGEST_DELAY = 60.0
_MOST_DOUBLINGS = 32  # a message that was held through many restarts must not overflow a float


class Hung(Exception):  # noqa: N818 - what happened to the work
    """The work did not end within its time, and nothing can end it but the end of the process."""


@dataclass(frozen=True)
class Attempts:
    """How often and how far apart a message is tried; the defaults give 1, 2, 4, 8 s between five attempts."""

    limit: int = 5
    first_delay: float = 1.0
    heartbeat: float = 10.0  # seconds between in-progress signals while a message is in flight: well below ack_wait
    longest_hold: float = 5.0  # seconds between two tries of an unavailable dependency: how late its return is noticed
    deaths: int = 3  # of the process while it worked on this message alone
    time_limit: float | None = None  # seconds for one attempt; None where what it waits for has limits of its own
    unanswered: int = 6  # publications without any answer, others' being answered: then it is the message

    def delay(self, attempt: int) -> float:
        """Seconds before the next attempt: doubling, capped, spread so that replicas do not return together."""
        doubled = self.first_delay * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS)
        return min(doubled, _LONGEST_DELAY) * random.uniform(0.8, 1.2)


@dataclass
class Progress:
    """When a message of this service was last acknowledged, on the monotonic clock."""

    done_at: float = float("-inf")


@dataclass(frozen=True)
class DeliveryContext:
    """What is the same for all deliveries of a service."""

    service: str
    js: JetStreamContext
    crash_guard: CrashGuard
    attempts: Attempts
    end_process: Callable[[], None]
    dead_letters: DeadLetters
    breaker: Breaker = field(default_factory=Breaker)
    progress: Progress = field(default_factory=Progress)
    retried: Callable[[str], None] = lambda _kind: None  # told of each retry, "error" or "unavailable"


class DeliveryAttempt:
    """One delivery from its arrival to its answer: ``async with`` it, do each part of the work within `hold`.

    Entering waits until work may begin: for other redelivered messages, and for the breaker. An exception that leaves
    the block becomes the outcome; what is no Exception, such as a cancellation, leaves the message unanswered.
    """

    def __init__(self, raw: Msg, context: DeliveryContext, in_flight: InFlight | None = None) -> None:
        self.outcome = UNANSWERED
        self._raw, self._context, self._in_flight = raw, context, in_flight or InFlight()
        self._redelivered = raw.metadata.num_delivered > 1
        self._noted = False  # in the crash guard, that work on it has begun
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        breaker, key = self._context.breaker, _key(self._raw)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_heartbeat(self._raw, self._context.attempts.heartbeat))
            if self._redelivered:
                await stack.enter_async_context(self._context.crash_guard.quarantine)
            stack.callback(breaker.left, key)
            while seconds := breaker.wait(key):  # noqa: ASYNC110 - the clock lets one in, and no event
                await asyncio.sleep(seconds)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        async with self._stack:
            if error is None:
                await self._acknowledge()
            elif isinstance(error, Exception):
                await self._answer(error)
            else:
                return False
            if self._redelivered:
                await self._context.crash_guard.clear(self._raw)
        return True

    async def hold(self, work: Work[T]) -> T:
        """Do the work; while a dependency is unavailable keep the message and try again, so it spends no attempts.

        Raises Unavailable where it is not the dependency: nothing answers this message, and others are done meanwhile.
        """
        return await self._hold(self._guarded(work) if self._redelivered else work)

    async def _hold(self, work: Work[T]) -> T:
        attempts, began, tried, unanswered = self._context.attempts, time.monotonic(), 0, 0
        while True:
            try:
                with self._in_flight.trying():
                    return await _within(attempts.time_limit, work)
            except Unavailable as outage:
                tried += 1
                unanswered += outage.unanswered
                if unanswered >= attempts.unanswered and self._context.progress.done_at > began:
                    raise
                log.warning("%s; holding the message, waiting", outage)
            self._context.retried("unavailable")
            await asyncio.sleep(min(attempts.delay(tried), attempts.longest_hold))

    def _guarded(self, work: Work[T]) -> Work[T]:
        """Note the beginning of the work where a crash does not wipe it out, and judge by what was noted before."""

        async def guarded() -> T:
            guard, limit = self._context.crash_guard, self._context.attempts.deaths
            if not self._noted:
                deaths = await guard.note(self._raw)
                self._noted = True
                if deaths >= limit:
                    detail = f"its process ended {deaths} times while it worked on nothing else"
                    raise Rejected(Reason.CRASH_LOOP, detail)
            try:
                return await work()
            except Unavailable:
                await guard.clear(self._raw)  # waiting for a dependency crashes nothing
                self._noted = False
                raise

        return guarded

    async def _acknowledge(self) -> None:
        raw, context = self._raw, self._context
        context.breaker.succeeded(_key(raw))
        context.progress.done_at = time.monotonic()
        await report_state(raw, DeadLetterState.SUCCEEDED, context.service, context.js)
        await raw.ack()
        self.outcome = ACK

    async def _answer(self, error: Exception) -> None:
        if isinstance(error, Rejected):
            await self._dead_letter(error)
        elif not isinstance(error, Hung):
            await self._retry(error)
        elif self._redelivered:  # alone: it is this message that hangs
            await self._dead_letter(Rejected(Reason.TIME_LIMIT, str(error)))
            self._end_process()
        else:  # among others it cannot be told which of them hangs
            self._end_process()

    async def _retry(self, error: Exception) -> None:
        """Negatively acknowledge what failed unexpectedly, or dead-letter it after its last attempt."""
        raw, context, attempt = self._raw, self._context, self._raw.metadata.num_delivered
        log.error("%s attempt %d of %d failed", context.service, attempt, context.attempts.limit, exc_info=error)
        gives_up = context.breaker.failed(_key(raw), error)
        if gives_up or (attempt >= context.attempts.limit and context.breaker.reason is None):
            await self._dead_letter(Rejected(Reason.RETRIES_EXHAUSTED, f"{type(error).__name__}: {error}"))
            return
        context.retried("error")
        await raw.nak(delay=context.attempts.delay(attempt))
        self.outcome = RETRY

    async def _dead_letter(self, rejection: Rejected) -> None:
        """Publish the dead letter and only then end the message; while DEAD is full or unavailable it is held."""
        raw, context = self._raw, self._context

        async def put() -> None:
            await context.dead_letters.put(raw, rejection)

        try:
            await self._hold(put)
        except Exception:  # neither lost nor held: it would keep a place from the others
            what = (context.service, raw.subject, rejection.reason)
            log.exception("%s cannot dead-letter %s as %s; trying it again later", *what)
            await raw.nak(delay=_LONGEST_DELAY)
            self.outcome = RETRY
            return
        await report_state(raw, DeadLetterState.FAILED_AGAIN, context.service, context.js)
        await raw.term()
        self.outcome = rejection.reason

    def _end_process(self) -> None:
        log.critical("work on %s does not end; ending this process, what it holds comes again", self._raw.subject)
        self._context.end_process()


def _key(raw: Msg) -> Key:
    return raw.metadata.stream, raw.metadata.sequence.stream


async def _within(seconds: float | None, work: Work[T]) -> T:
    if seconds is None:
        return await work()
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work()
    except TimeoutError:
        if limit.expired():
            raise Hung(f"not done within {seconds:g} s") from None
        raise


@asynccontextmanager
async def _heartbeat(raw: Msg, every: float) -> AsyncIterator[None]:
    """Send an in-progress signal every few seconds, so that the broker does not deliver the message elsewhere."""
    loop = asyncio.get_running_loop()
    sending: set[asyncio.Task[None]] = set()
    timer: asyncio.TimerHandle | None = None  # and no task: most messages are done before the first signal

    def beat() -> None:
        nonlocal timer
        task = loop.create_task(_in_progress(raw))
        sending.add(task)
        task.add_done_callback(sending.discard)
        timer = loop.call_later(every, beat)

    timer = loop.call_later(every, beat)
    try:
        yield
    finally:
        timer.cancel()


async def _in_progress(raw: Msg) -> None:
    with suppress(NatsError):  # the broker is unavailable as well; it will deliver the message again
        await raw.in_progress()
