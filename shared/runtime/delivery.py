"""What becomes of a delivery: done, later, never, or poison. The one place that catches every exception.

done    the work is durable downstream                ack
later   anything unexpected                           nak with a growing delay, a bounded number of times
        nearly all fail                               hold the messages and try one now and then: breaker.py
        a dependency is away                          hold the message and wait; no attempt is spent, unless others
                                                      get through meanwhile: then it is this message, an attempt
never   Rejected                                      to DEAD with the reason, wait for its PubAck, then term;
                                                      what cannot be set aside goes back to the broker, much later
poison  it ends or hangs the process                  what comes again is worked on alone, so that only the culprit
                                                      goes to DEAD, as crash_loop or time_limit
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.broker.dead_letter_status import Fate, tell
from shared.broker.dead_letters import DeadLetters
from shared.errors import Reason, Rejected, Unavailable
from shared.runtime.breaker import Breaker, Key
from shared.runtime.crash_guard import Suspects
from shared.runtime.process_state import Hand

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]

_LONGEST_DELAY = 60.0
_MOST_DOUBLINGS = 32  # a message that was held through many restarts must not overflow a float
_UNANSWERED = "unanswered"


class Hung(Exception):  # noqa: N818 - what happened to the work
    """The work did not end within its time, and nothing can end it but the end of the process."""


@dataclass(frozen=True)
class Attempts:
    """How often and how far apart a message is tried; the defaults give 1, 2, 4, 8 s between five attempts."""

    limit: int = 5
    first_delay: float = 1.0
    heartbeat: float = 10.0  # seconds between signs of life while a message is ours: well below ack_wait
    longest_hold: float = 5.0  # seconds between two looks at what is away: how late its return may be noticed
    deaths: int = 3  # of the process while it worked on this message alone
    time_limit: float | None = None  # seconds for one attempt; None where what it waits for has limits of its own
    unanswered: int = 6  # publications without any answer, others' being answered: then it is the message

    def delay(self, attempt: int) -> float:
        """Seconds before the next attempt: doubling, capped, spread so that replicas do not return together."""
        doubled = self.first_delay * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS)
        return min(doubled, _LONGEST_DELAY) * random.uniform(0.8, 1.2)


@dataclass
class Progress:
    """When a message of this service was last done, on the monotonic clock."""

    done_at: float = float("-inf")


@dataclass(frozen=True)
class Desk:
    """Where a service's deliveries are answered: everything about it that is the same for all of them."""

    service: str
    js: JetStreamContext
    suspects: Suspects
    attempts: Attempts
    end_process: Callable[[], None]
    dead_letters: DeadLetters
    breaker: Breaker = field(default_factory=Breaker)
    progress: Progress = field(default_factory=Progress)


async def settle(raw: Msg, work: Work, desk: Desk, hand: Hand | None = None) -> str:
    """Run the work for one delivery and answer the broker; returns the outcome's name.

    ``hand`` is told what the delivery waits for, also while it cannot be set aside.
    """
    hand = hand or Hand()
    async with _signs_of_life(raw, desk.attempts.heartbeat):
        if raw.metadata.num_delivered == 1:
            outcome = await _settle(raw, work, desk, hand, alone=False)
        else:
            async with desk.suspects.alone:
                outcome = await _settle(raw, _watched(raw, work, desk), desk, hand, alone=True)
                await desk.suspects.clear(raw)
        return outcome


def _watched(raw: Msg, work: Work, desk: Desk) -> Work:
    """Note the beginning of the work where a death does not wipe it out, and judge by what was noted before."""

    async def watched() -> None:
        deaths = await desk.suspects.touch(raw)
        if deaths >= desk.attempts.deaths:
            raise Rejected(Reason.CRASH_LOOP, f"its process ended {deaths} times while it worked on nothing else")
        try:
            await work()
        except Unavailable:
            await desk.suspects.clear(raw)  # waiting for a dependency kills nobody
            raise

    return watched


async def _settle(raw: Msg, work: Work, desk: Desk, hand: Hand, *, alone: bool) -> str:
    """Work on it once it is its turn, which is at once unless the breaker is open."""
    key, breaker = _key(raw), desk.breaker
    while seconds := breaker.wait(key):  # noqa: ASYNC110 - the clock lets one in, and no event
        await asyncio.sleep(seconds)
    try:
        try:
            return await _tried(raw, work, desk, hand, alone=alone)
        except Rejected as verdict:
            outcome = await _never(raw, verdict, desk, hand)
            if isinstance(verdict.__cause__, Hung):
                _end(raw, desk)
            return outcome
    finally:
        breaker.left(key)


async def _tried(raw: Msg, work: Work, desk: Desk, hand: Hand, *, alone: bool) -> str:
    """Work on it and answer; raises Rejected for what is to be set aside."""
    key, attempt, attempts = _key(raw), raw.metadata.num_delivered, desk.attempts
    try:
        await _hold_while_unavailable(work, desk, hand)
    except Rejected:
        raise
    except Hung as hung:  # among others it cannot be told which of them hangs; alone it can
        if alone:
            raise Rejected(Reason.TIME_LIMIT, str(hung)) from hung
        _end(raw, desk)
        return _UNANSWERED
    except Exception as error:  # the one place: what is unexpected is tried again, then set aside
        log.exception("%s attempt %d of %d failed", desk.service, attempt, attempts.limit)
        gives_up = desk.breaker.failed(key, error)
        if gives_up or (attempt >= attempts.limit and desk.breaker.reason is None):
            detail = f"{type(error).__name__}: {error}"
            raise Rejected(Reason.RETRIES_EXHAUSTED, detail) from error
        await raw.nak(delay=attempts.delay(attempt))
        return "later"
    desk.breaker.succeeded(key)
    desk.progress.done_at = time.monotonic()
    await tell(raw, Fate.SUCCEEDED, desk.service, desk.js)
    await raw.ack()
    return "done"


def _end(raw: Msg, desk: Desk) -> None:
    log.critical("work on %s does not end; ending this process, what it holds comes again", raw.subject)
    desk.end_process()


def _key(raw: Msg) -> Key:
    return raw.metadata.stream, raw.metadata.sequence.stream


async def _hold_while_unavailable(work: Work, desk: Desk, hand: Hand) -> None:
    """Keep the message ours while a dependency is away, so that an outage spends no attempts.

    Raises Unavailable where it is not the dependency: nothing answers this message, and others are done meanwhile.
    """
    attempts, began, tried, unanswered = desk.attempts, time.monotonic(), 0, 0
    while True:
        try:
            with hand.trying():
                return await _within(attempts.time_limit, work)
        except Unavailable as outage:
            tried += 1
            unanswered += outage.unanswered
            if unanswered >= attempts.unanswered and desk.progress.done_at > began:
                raise
            log.warning("%s; holding the message, waiting", outage)
        await asyncio.sleep(min(attempts.delay(tried), attempts.longest_hold))


async def _within(seconds: float | None, work: Work) -> None:
    try:
        async with asyncio.timeout(seconds) as limit:
            await work()
    except TimeoutError:
        if limit.expired():
            raise Hung(f"not done within {seconds:g} s") from None
        raise


@asynccontextmanager
async def _signs_of_life(raw: Msg, every: float) -> AsyncIterator[None]:
    """Tell the broker every few seconds that the message is ours; a process that died tells nothing."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(every)
            with suppress(NatsError):  # the broker is away as well; it will deliver the message again
                await raw.in_progress()

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()


async def _never(raw: Msg, verdict: Rejected, desk: Desk, hand: Hand) -> str:
    """Set it aside and only then end it; while there is no room for dead letters it is held."""

    async def put_away() -> None:
        await desk.dead_letters.put(raw, verdict)

    try:
        await _hold_while_unavailable(put_away, desk, hand)
    except Exception:  # neither lost nor held: it would keep a place from the others
        log.exception("%s cannot set %s aside as %s; trying it again later", desk.service, raw.subject, verdict.reason)
        await raw.nak(delay=_LONGEST_DELAY)
        return "later"
    await tell(raw, Fate.FAILED_AGAIN, desk.service, desk.js)
    await raw.term()
    return verdict.reason
