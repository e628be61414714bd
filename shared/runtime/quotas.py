"""Quotas: how much one source may take within a period, as token buckets. No broker, no clock but the one passed in."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

HOUR = 3600.0
WEEK = 7 * 24 * HOUR
MONTH = 30 * 24 * HOUR

_MOST_SOURCES = 10_000  # told apart at once; with more, the one that was quiet for the longest begins anew


@dataclass(frozen=True)
class Allowance:
    """So much of ``unit`` in ``seconds``: all of it may come at once, and what was taken grows back evenly."""

    amount: float
    seconds: float
    unit: str

    def __str__(self) -> str:
        period = {HOUR: "an hour", WEEK: "a week", MONTH: "30 days"}.get(self.seconds, f"{self.seconds:g} s")
        return f"{self.amount:,.0f} {self.unit} in {period}"


class Quota:
    """One allowance for each source; a restart forgets what was taken, and each replica counts for itself."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float] = time.monotonic) -> None:
        self.allowance, self._clock = allowance, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # source to what is left, and when

    def take(self, source: str, amount: float) -> bool:
        """Take so much of the source's allowance; False, and nothing is taken, if less is left."""
        now = self._clock()
        left = self._left_at(source, now)
        enough = amount <= left
        self._left[source] = (left - amount if enough else left, now)
        self._left.move_to_end(source)
        if len(self._left) > _MOST_SOURCES:
            self._left.popitem(last=False)
        return enough

    def _left_at(self, source: str, now: float) -> float:
        left, at = self._left.get(source, (self.allowance.amount, now))
        return min(left + (now - at) * self.allowance.amount / self.allowance.seconds, self.allowance.amount)
