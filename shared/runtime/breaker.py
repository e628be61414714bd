"""Circuit breaker: stops a consumer whose messages nearly all fail; then something of ours is broken, not each message.

closed  all are worked on; of the last 20 messages it is known whether they failed
open    one at a time is tried, the others wait. First those that never failed, at growing intervals: one that succeeds
        closes it, one that fails says that the service is broken. Where only messages wait that failed before, they are
        tried one after the other at a short interval, and what failed alone three times is given up: poison leaves
A rejection, such as a bad submission, speaks neither for nor against us.
"""

import logging
import time
from collections import Counter, OrderedDict
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
    suspect_pause: float = 0.3  # between tries of messages that failed before, while none that did not has failed
    alone: int = 3  # tries alone, while it is open, after which a message is given up
    steady: float = 300.0  # closed for so long, the next pauses are short again


class Breaker:
    """Knows no message and no broker: it is told what became of them, and asked whether work may begin."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits or Limits(), clock
        self._failed: OrderedDict[Key, bool] = OrderedDict()
        # while it is open
        self._suspects: set[Key] = set()  # messages that failed
        self._alone: Counter[Key] = Counter()  # how often each failed alone
        self._fresh: set[Key] = set()  # messages that wait and never failed
        self._open, self._seen, self._error = False, "", ""
        self._broken = False  # a fresh one failed too
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
        if key not in self._suspects:
            self._fresh.add(key)
        if self._trying is not None or (self._fresh and key in self._suspects):
            return _LOOK_AGAIN
        if (left := self._next - self._clock()) > 0:
            return min(left, _LOOK_AGAIN)
        self._trying = key
        return 0.0

    def succeeded(self, key: Key) -> None:
        self._remember(key, failed=False)
        if self._open and key == self._trying:
            self._close("a message was worked on")

    def failed(self, key: Key, error: Exception) -> bool:
        """Note a failure; return whether the message is to be given up, because it failed alone often enough."""
        self._error = f"{type(error).__name__}: {error}"[:200]
        self._remember(key, failed=True)
        if self._open and key == self._trying:
            return self._failed_alone(key)
        if self._open:
            self._suspects.add(key)
        elif sum(self._failed.values()) >= self._limits.failing:
            self._opened()
        return False

    def left(self, key: Key) -> None:
        """Work on a message is over, with whatever end: if it was being tried the next may be."""
        self._fresh.discard(key)
        if key == self._trying:
            self._trying = None

    def _opened(self) -> None:
        self._open, self._broken = True, False
        self._suspects = {key for key, failed in self._failed.items() if failed}
        self._seen = f"{sum(self._failed.values())} of the last {len(self._failed)}"
        if self._clock() - self._closed_at > self._limits.steady:
            self._pause = self._limits.first_pause
        self._next = self._clock() + self._pause
        log.error("%s; the others are held, one is tried every %g s and more", self.reason, self._pause)

    def _close(self, why: str) -> None:
        self._open, self._closed_at = False, self._clock()
        for known in (self._failed, self._suspects, self._alone, self._fresh):
            known.clear()
        log.warning("%s; taking all again", why)

    def _failed_alone(self, key: Key) -> bool:
        if key not in self._suspects:
            self._broken = True
            self._suspects.add(key)
        if self._broken:
            self._pause = min(2 * self._pause, self._limits.longest_pause)
        self._next = self._clock() + (self._pause if self._broken else self._limits.suspect_pause)
        self._alone[key] += 1
        if self._alone[key] < self._limits.alone:
            return False
        self._suspects.discard(key)
        if not (self._broken or self._suspects or self._fresh):
            self._close("all that failed are given up, and no other did")
        return True

    def _remember(self, key: Key, *, failed: bool) -> None:
        self._failed[key] = failed
        self._failed.move_to_end(key)
        if len(self._failed) > self._limits.window:
            self._failed.popitem(last=False)
