"""The probe of the event loop: what blocks it is seen, for a minute and for good."""

import asyncio
import time

import pytest

from shared.observability.loop_delay import EVERY, LoopDelay
from shared.observability.process_state import State


@pytest.mark.parametrize("seconds", [0.1, 0.3])
async def test_what_keeps_the_loop_from_turning_is_seen(seconds: float) -> None:
    state = State()
    async with state.loop.measured():
        await asyncio.sleep(2 * EVERY)
        time.sleep(seconds)  # noqa: ASYNC251 - the blocking call is what is measured
        await asyncio.sleep(2 * EVERY)
    seen = state.loop.report()
    assert seen["loop_longest_ms"] >= 1000 * (seconds - 2 * EVERY)
    assert seen["loop_longest_ms_last_minute"] == seen["loop_longest_ms"]


async def test_a_loop_that_only_waits_is_not_blocked() -> None:
    delay = LoopDelay()
    async with delay.measured():
        await asyncio.sleep(0.5)
    assert delay.report()["loop_longest_ms"] < 400, "waiting is no delay"


def test_after_a_minute_only_the_longest_since_the_start_is_left() -> None:
    delay = LoopDelay()
    delay.note(10.0, 0.5)
    delay.note(30.0, 0.2)
    delay.note(31.0, 0.1)
    assert delay.report(31.0) == {"loop_longest_ms": 500.0, "loop_longest_ms_last_minute": 500.0}
    assert delay.report(80.0) == {"loop_longest_ms": 500.0, "loop_longest_ms_last_minute": 200.0}
    assert delay.report(90.5) == {"loop_longest_ms": 500.0, "loop_longest_ms_last_minute": 100.0}
    assert delay.report(95.0) == {"loop_longest_ms": 500.0, "loop_longest_ms_last_minute": 0.0}
