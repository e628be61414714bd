"""How late the event loop takes its turns: what runs on it too long delays every answer, heartbeat and health check.

A timer that is due every few milliseconds notes by how much it came too late. That is the time for which one callback,
or a call in C that keeps Python's lock in another thread, kept the loop from turning; a machine without a free
processor shows in it too.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY = 0.02  # seconds between looks: a delay is known to within it, for about one percent of a processor
_MINUTE = 60.0


class LoopDelay:
    """The longest delays of one event loop, in milliseconds, since it was first measured and of the last minute."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._recent: deque[tuple[float, float]] = deque()  # (when, delay): each shorter than the ones before it
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Measure the running loop while the block runs."""
        loop = asyncio.get_running_loop()

        def look(due: float) -> None:
            now = time.monotonic()
            self.note(now, max(0.0, now - due))
            self._timer = loop.call_later(EVERY, look, now + EVERY)

        look(time.monotonic())
        try:
            yield
        finally:
            if self._timer:
                self._timer.cancel()

    def note(self, now: float, delay: float) -> None:
        """Take a delay in; both are seconds."""
        self._longest = max(self._longest, delay)
        while self._recent and self._recent[-1][1] <= delay:
            self._recent.pop()
        self._recent.append((now, delay))
        self._forget(now)

    def report(self, now: float | None = None) -> dict[str, float]:
        self._forget(time.monotonic() if now is None else now)
        lately = self._recent[0][1] if self._recent else 0.0
        return {
            "loop_longest_ms": round(self._longest * 1000, 1),
            "loop_longest_ms_last_minute": round(lately * 1000, 1),
        }

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - _MINUTE:
            self._recent.popleft()
