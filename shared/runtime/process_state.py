"""What a process knows of itself: what it holds, what it waits for, whether it gets on. No broker, no server."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.errors import Unavailable
from shared.runtime.breaker import Breaker
from shared.runtime.loop_delay import LoopDelay

LOOK_EVERY = 2.0  # seconds between looks at the consumer: also how stale /readyz may be
NOT_ALIVE = 45  # looks in a row with work to do and none done; an article has a minute
GIVE_UP = 60  # such looks, after which the process ends to be started again


@dataclass(eq=False)
class Hand:
    """One delivery that this process has; ``waits_for`` says which dependency is away, ``since`` is monotonic."""

    waits_for: str | None = None
    since: float = 0.0

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Note what the work inside finds to be away, until it is tried again."""
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
    _hands: set[Hand] = field(default_factory=set)
    _still: int = 0  # looks in a row with work to do and none done

    @contextmanager
    def holding(self) -> Iterator[Hand]:
        """Have one delivery in hand while the block runs."""
        hand = Hand()
        self._hands.add(hand)
        try:
            yield hand
        finally:
            self._hands.discard(hand)

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
        held = self.breaker.reason or any(hand.waits_for for hand in self._hands)
        self._still = self._still + 1 if (pending or self._hands) and not held else 0

    def lost(self, why: str) -> None:
        """The consumer cannot be reached, so nothing can be done."""
        self.broker, self._still = why, 0

    @property
    def ready(self) -> bool:
        return not self.why

    @property
    def why(self) -> list[str]:
        """Say what keeps this process from taking work; empty if nothing does."""
        waits_for = next((hand.waits_for for hand in self._hands if hand.waits_for), None)
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

    def held(self) -> dict[str, float]:
        """Return how many messages wait for something that is away, and how many seconds the first has waited."""
        since = [hand.since for hand in self._hands if hand.waits_for]
        return {"held": len(since), "held_seconds": round(time.monotonic() - min(since), 1) if since else 0.0}

    def report(self) -> bytes:
        told = {"ready": self.ready, "why": self.why, "outcomes": self.outcomes}
        return json.dumps(told | self.lag | self.held() | self.loop.report()).encode()
