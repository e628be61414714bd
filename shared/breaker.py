"""Stops a consumer whose messages nearly all fail: then something of ours is broken, and not each of the messages.

closed  all are worked on; of the last 20 messages it is known whether they failed
open    one at a time is tried, at growing intervals; the others wait, and nothing is set aside for its failures
One try that succeeds closes it. A verdict on the message, such as a bad submission, speaks neither for nor against us.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

Key = tuple[str, int]  # stream and sequence of a message

_LOOK_AGAIN = 0.5  # seconds, while another message is being tried


@dataclass(frozen=True)
class Limits:
    """When it opens, and how often it is tried then; pauses are in seconds."""

    window: int = 20  # messages, each counted once however often it was tried
    failing: int = 18  # of these: also the most dead letters that a broken service makes before it stops
    first_pause: float = 1.0
    longest_pause: float = 30.0  # so long may a mended service wait for its next try
    steady: float = 300.0  # closed for so long, the next pauses are short again


class Breaker:
    """Knows no message and no broker: it is told what became of them, and asked whether work may begin."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits or Limits(), clock
        self._failed: OrderedDict[Key, bool] = OrderedDict()
        self._open, self._seen, self._error = False, "", ""
        self._trying: Key | None = None
        self._next = self._closed_at = float("-inf")
        self._pause = self._limits.first_pause

    @property
    def reason(self) -> str | None:
        """Say why nothing is taken; None while it is closed."""
        return f"{self._seen} messages failed, lately with {self._error}" if self._open else None

    def wait(self, key: Key) -> float:
        """Return 0 if work on this message may begin, else the seconds after which to ask again."""
        if not self._open:
            return 0.0
        if self._trying is not None:
            return _LOOK_AGAIN
        if (left := self._next - self._clock()) > 0:
            return min(left, _LOOK_AGAIN)
        self._trying = key
        return 0.0

    def succeeded(self, key: Key) -> None:
        self._remember(key, failed=False)
        if self._open and key == self._trying:
            self._open, self._closed_at = False, self._clock()
            self._failed.clear()
            log.warning("a message was worked on; taking all again")

    def failed(self, key: Key, error: Exception) -> None:
        self._error = f"{type(error).__name__}: {error}"[:200]
        self._remember(key, failed=True)
        if self._open and key == self._trying:
            self._back_off()
        elif not self._open and sum(self._failed.values()) >= self._limits.failing:
            self._open, self._seen = True, f"{sum(self._failed.values())} of the last {len(self._failed)}"
            if self._clock() - self._closed_at > self._limits.steady:
                self._pause = self._limits.first_pause
            self._next = self._clock() + self._pause
            log.error("%s; the others are held, one is tried every %g s and more", self.reason, self._pause)

    def left(self, key: Key) -> None:
        """Work on a message is over, with whatever end: if it was being tried the next may be."""
        if key == self._trying:
            self._trying = None

    def _remember(self, key: Key, *, failed: bool) -> None:
        self._failed[key] = failed
        self._failed.move_to_end(key)
        if len(self._failed) > self._limits.window:
            self._failed.popitem(last=False)

    def _back_off(self) -> None:
        self._pause = min(2 * self._pause, self._limits.longest_pause)
        self._next = self._clock() + self._pause
