"""What becomes of a delivery: done, later, never, or poison. The one place that catches every exception.

done    the work is durable downstream                ack
later   anything unexpected                           nak with a growing delay, a bounded number of times
        a dependency is away                          hold the message and wait; no attempt is spent
never   Rejected                                      to DEAD with the reason, wait for its PubAck, then term
poison  delivered too often without an answer         to DEAD as crash_loop before its payload is touched
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.envelope import passed_on
from shared.errors import Reason, Rejected, Unavailable

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
_LONGEST_DELAY = 60.0
_PUBLISH_TIMEOUT = 5.0  # a broker that syncs every write answers late under load; 0.5 s reports false failures
_MAX_DETAIL = 1000
_TOO_LARGE_FOR_STREAM = 10054


@dataclass(frozen=True)
class Attempts:
    """How often and how far apart a message is tried; the defaults give 1, 2, 4, 8 s between five attempts."""

    limit: int = MAX_ATTEMPTS
    first_delay: float = 1.0
    heartbeat: float = 10.0  # seconds between signs of life while a dependency is away: well below ack_wait

    def delay(self, attempt: int) -> float:
        """Seconds before the next attempt: doubling, capped, spread so that replicas do not return together."""
        return min(self.first_delay * 2.0 ** (attempt - 1), _LONGEST_DELAY) * random.uniform(0.8, 1.2)


async def settle(
    raw: Msg, work: Callable[[], Awaitable[None]], *, service: str, js: JetStreamContext, attempts: Attempts
) -> str:
    """Run the work for one delivery and answer the broker; returns the outcome's name.

    If setting aside itself fails nothing is answered: the broker delivers again after ack_wait.
    """
    attempt = raw.metadata.num_delivered
    if attempt > attempts.limit:
        verdict = Rejected(Reason.CRASH_LOOP, f"delivered {attempt} times without an answer")
        return await _never(raw, verdict, service, js)
    try:
        await _hold_while_unavailable(raw, work, attempts)
    except Rejected as verdict:
        return await _never(raw, verdict, service, js)
    except Exception as error:  # the one place: what is unexpected is tried again, then set aside
        log.exception("%s attempt %d of %d failed", service, attempt, attempts.limit)
        if attempt == attempts.limit:
            detail = f"{type(error).__name__}: {error}"
            return await _never(raw, Rejected(Reason.RETRIES_EXHAUSTED, detail), service, js)
        await raw.nak(delay=attempts.delay(attempt))
        return "later"
    await raw.ack()
    return "done"


async def _hold_while_unavailable(raw: Msg, work: Callable[[], Awaitable[None]], attempts: Attempts) -> None:
    """Keep the message ours while a dependency is away, so that an outage spends no attempts."""
    tried = 0
    while True:
        try:
            return await work()
        except Unavailable as outage:
            tried += 1
            log.warning("%s; holding the message, waiting", outage)
        try:
            await raw.in_progress()
        except NatsError:
            log.warning("the broker is away as well; it will deliver the message again")
        await asyncio.sleep(min(attempts.delay(tried), attempts.heartbeat))


async def _never(raw: Msg, verdict: Rejected, service: str, js: JetStreamContext) -> str:
    await set_aside(raw, verdict, service=service, js=js, now=datetime.now(UTC))
    await raw.term()
    log.warning("set aside %s as %s: %s", raw.subject, verdict.reason, verdict.detail[:200])
    return verdict.reason


async def set_aside(raw: Msg, verdict: Rejected, *, service: str, js: JetStreamContext, now: datetime) -> None:
    """Publish the original bytes to DEAD and wait for the broker's word; repeating it changes nothing."""
    place = raw.metadata
    detail = " ".join(verdict.detail.split())[:_MAX_DETAIL].encode("ascii", "backslashreplace").decode()
    headers = passed_on(raw.headers) | {
        "Nats-Msg-Id": f"{place.stream}:{place.sequence.stream}:{place.consumer}:{place.timestamp.timestamp()}",
        "wireroom-service": service,
        "wireroom-reason": verdict.reason,
        "wireroom-detail": detail,
        "wireroom-subject": raw.subject,
        "wireroom-stream": place.stream,
        "wireroom-sequence": str(place.sequence.stream),
        "wireroom-attempts": str(place.num_delivered),
        "wireroom-at": now.isoformat(),
    }
    subject = f"news.dead.{service}.{verdict.reason}"
    await js.publish(subject, raw.data, stream="DEAD", timeout=_PUBLISH_TIMEOUT, headers=headers)


async def publish(js: JetStreamContext, subject: str, data: bytes, *, stream: str, headers: dict[str, str]) -> None:
    """Publish and wait until the broker has it on disk; a broker that is away or full raises Unavailable."""
    try:
        await js.publish(subject, data, stream=stream, timeout=_PUBLISH_TIMEOUT, headers=headers)
    except MaxPayloadError as error:
        raise Rejected(Reason.TOO_LARGE, f"{len(data)} bytes are more than the broker takes") from error
    except (NatsError, APIError, TimeoutError) as error:
        if getattr(error, "err_code", None) == _TOO_LARGE_FOR_STREAM:
            raise Rejected(Reason.TOO_LARGE, f"{len(data)} bytes are more than stream {stream} takes") from error
        raise Unavailable(f"NATS stream {stream}", subject, f"{type(error).__name__} {error}".strip()) from error
