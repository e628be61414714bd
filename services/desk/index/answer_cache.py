"""Cache of answers that read much of the index: exact while nothing is committed, and a few seconds old otherwise."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

_MOST = 512  # answers
_CHEAP = 0.02  # seconds: an answer that took less is made anew after each commit
_LONGEST_AGE = 30.0  # seconds for which a costly answer is given although the index has changed
_AGE_PER_COST = 200.0  # an answer that took 0.1 s is given for 20 s


@dataclass(frozen=True)
class _Answer:
    value: Any
    commits: int
    made_at: float
    cost: float

    def is_fresh(self, commits: int, now: float) -> bool:
        if self.commits == commits:
            return True
        age = min(self.cost * _AGE_PER_COST, _LONGEST_AGE) if self.cost > _CHEAP else 0.0
        return now - self.made_at < age


class AnswerCache:
    """Keeps the answers used last. Whoever asks what another thread is finding out just now waits for its answer."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def answer(self, key: Hashable, commits: int, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `make` returns
        """Return a fresh answer, else make one; ``commits`` counts those of the index. Raises what ``make`` raises."""
        if (found := self._fresh(key, commits)) is not None:
            return found.value
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if (found := self._fresh(key, commits)) is None:
                found = self._made(key, commits, make)
        return found.value

    def _fresh(self, key: Hashable, commits: int) -> _Answer | None:
        with self._lock:
            found = self._answers.get(key)
            if found is None or not found.is_fresh(commits, time.monotonic()):
                return None
            self._answers.move_to_end(key)
            return found

    def _made(self, key: Hashable, commits: int, make: Callable[[], Any]) -> _Answer:
        began = time.monotonic()
        try:
            value = make()
        finally:
            with self._lock:
                self._making.pop(key, None)
        now = time.monotonic()
        with self._lock:
            self._answers[key] = answer = _Answer(value, commits, now, now - began)
            while len(self._answers) > _MOST:
                self._answers.popitem(last=False)
        return answer
