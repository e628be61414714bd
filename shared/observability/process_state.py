"""State of a service's process: deliveries in flight, unavailable dependencies, progress. No broker, no server."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import Unavailable
from shared.observability.loop_delay import LoopDelay
from shared.runtime.breaker import Breaker

LOOK_EVERY = 2.0  # seconds between looks at the consumer: also how stale /readyz may be
NOT_ALIVE = 45  # looks in a row with work to do and none done; an article has a minute
GIVE_UP = 60  # such looks, after which the process ends to be started again


@dataclass(eq=False)
class InFlight:
    """One delivery in flight; ``waits_for`` names an unavailable dependency, ``since`` is on the monotonic clock."""

    waits_for: str | None = None
    since: float = 0.0
    stored_at: datetime | None = None  # when the stream took the message

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Note what the work inside finds to be unavailable, until it is tried again."""
        try:
            yield
        except Unavailable as outage:
            if self.waits_for is None:
                self.since = time.monotonic()
            self.waits_for = str(outage)
            raise
        self.waits_for = None


@dataclass
class State:
    """``broker`` and ``dependency`` say why these cannot be used; None while they can."""

    breaker: Breaker = field(default_factory=Breaker)
    broker: str | None = "the consumer was not seen yet"
    dependency: str | None = None
    starting: bool = False
    stopping: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    lag: dict[str, int] = field(default_factory=dict)
    loop: LoopDelay = field(default_factory=LoopDelay)
    _deliveries: set[InFlight] = field(default_factory=set)
    _still: int = 0  # looks in a row with work to do and none done

    @contextmanager
    def in_flight(self, stored_at: datetime | None = None) -> Iterator[InFlight]:
        """Have one delivery in flight while the block runs."""
        delivery = InFlight(stored_at=stored_at)
        self._deliveries.add(delivery)
        try:
            yield delivery
        finally:
            self._deliveries.discard(delivery)

    def settled(self, outcome: str) -> None:
        self.outcomes[outcome] += 1
        self._still = 0

    def start(self) -> None:
        self.starting = False

    def stop(self) -> None:
        self.stopping = True

    def looked(self, pending: int, unanswered: int) -> None:
        """The broker answered: so much waits for this consumer, and so much is out with it and its replicas."""
        self.broker = None
        self.lag = {"pending": pending, "unanswered": unanswered}
        held = self.breaker.reason or any(each.waits_for for each in self._deliveries)
        self._still = self._still + 1 if (pending or self._deliveries) and not held else 0

    def lost(self, why: str) -> None:
        """The consumer cannot be reached, so nothing can be done."""
        self.broker, self._still = why, 0

    @property
    def ready(self) -> bool:
        return not self.why

    @property
    def why(self) -> list[str]:
        """Say what keeps this process from taking work; empty if nothing does."""
        waits_for = next((each.waits_for for each in self._deliveries if each.waits_for), None)
        causes = [self.broker, self.dependency or waits_for, self.breaker.reason]
        if self.starting or self.stopping:
            causes.insert(0, "it is starting" if self.starting else "it is stopping")
        return [cause for cause in causes if cause]

    @property
    def alive(self) -> bool:
        """Whether it gets on: what it has to do and is not kept from, is done."""
        return self._still < NOT_ALIVE

    @property
    def given_up(self) -> bool:
        return self._still >= GIVE_UP

    @property
    def count(self) -> int:
        """Return the number of deliveries in flight."""
        return len(self._deliveries)

    def held(self) -> dict[str, float]:
        """Return how many messages wait for an unavailable dependency, and how many seconds the first has waited."""
        since = [each.since for each in self._deliveries if each.waits_for]
        return {"held": len(since), "held_seconds": round(time.monotonic() - min(since), 1) if since else 0.0}

    def oldest_age(self, now: datetime) -> float:
        """Return the age in seconds of the oldest message in flight, by when its stream took it; 0 without any."""
        stored = [each.stored_at for each in self._deliveries if each.stored_at]
        return max((now - min(stored)).total_seconds(), 0.0) if stored else 0.0

    def report(self) -> bytes:
        told = {"ready": self.ready, "why": self.why, "outcomes": self.outcomes}
        return json.dumps(told | self.lag | self.held() | self.loop.report()).encode()
