"""Cache of answers that read much of the index: exact while nothing is committed, and a few seconds old otherwise."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

_CHEAP = 0.005  # seconds: an answer that took less is made anew after each commit
_AGE_PER_COST = 200.0  # an answer that took 0.1 s is given for 20 s


@dataclass(frozen=True)
class _Answer:
    value: Any
    state: Hashable
    made_at: float
    cost: float

    def is_fresh(self, state: Hashable, now: float, longest_age: float) -> bool:
        if self.state == state:
            return True
        age = min(self.cost * _AGE_PER_COST, longest_age) if self.cost > _CHEAP else 0.0
        return now - self.made_at < age


class AnswerCache:
    """Keeps the ``most`` answers used last. Whoever asks what another thread is just finding out waits for its answer.

    A costly answer is given for at most ``longest_age`` seconds although the index has changed; 0: none is.
    """

    def __init__(self, *, most: int, longest_age: float) -> None:
        self._most, self._longest_age = most, longest_age
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def answer(self, key: Hashable, state: Hashable, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `make` returns
        """Return a fresh answer, else make one; ``state`` changes with each commit. Raises what ``make`` raises."""
        if (found := self._fresh(key, state)) is not None:
            return found.value
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if (found := self._fresh(key, state)) is None:
                found = self._made(key, state, make)
        return found.value

    def _fresh(self, key: Hashable, state: Hashable) -> _Answer | None:
        with self._lock:
            found = self._answers.get(key)
            if found is None or not found.is_fresh(state, time.monotonic(), self._longest_age):
                return None
            self._answers.move_to_end(key)
            return found

    def _made(self, key: Hashable, state: Hashable, make: Callable[[], Any]) -> _Answer:
        began = time.monotonic()
        try:
            value = make()
        finally:
            with self._lock:
                self._making.pop(key, None)
        now = time.monotonic()
        with self._lock:
            self._answers[key] = answer = _Answer(value, state, now, now - began)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return answer
