"""Deliveries answered outside a service: the context and the outcome of one, with fakes around it."""

from collections.abc import Callable
from typing import cast

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.broker.dead_letters import DeadLetters
from shared.observability.process_state import InFlight
from shared.runtime.breaker import Breaker
from shared.runtime.crash_guard import CrashGuard
from shared.runtime.delivery import Attempts, DeliveryAttempt, DeliveryContext, Work
from wireroom.testing.fake_broker import FakeCrashGuard


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


def _nothing_hangs() -> None:
    raise AssertionError("nothing here hangs")
