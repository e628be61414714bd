"""Where the article is: the span of lines with the highest sum of scores."""

from collections.abc import Sequence
from itertools import accumulate

from services.extract.clean.rules.line_facts import Facts

_FULL_SCORE_WORDS = 40  # beyond this length a line is no more likely to belong
_FURNITURE = -0.9
_METADATA = -0.1
_FRAGMENT = -0.3
_SHORT_SENTENCE = 0.2
_LONG_FRAGMENT = 0.5
_LONG_FRAGMENT_WORDS = 24
_MIN_SENTENCE_WORDS = 3


def score(facts: Facts) -> float:
    """Return how much a line speaks for an article where it stands: above 0 for, below 0 against."""
    if facts.known and facts.known.rule:
        return min(_by_itself(facts), _FRAGMENT)  # what is known of it says little of the lines around it
    return _by_itself(facts)


def _by_itself(facts: Facts) -> float:
    if facts.says or facts.copy_of is not None:
        return _FURNITURE
    if facts.role:
        return _METADATA
    if facts.strong:
        return min(facts.words, _FULL_SCORE_WORDS) / 10
    if facts.ends:
        return _SHORT_SENTENCE if facts.words >= _MIN_SENTENCE_WORDS else 0.0
    return _LONG_FRAGMENT if facts.words >= _LONG_FRAGMENT_WORDS else _FRAGMENT


def best_span(scores: Sequence[float]) -> range:
    """Return the contiguous indices with the greatest sum; empty if no score is above 0."""
    best, best_sum = range(0), 0.0
    start, running = 0, 0.0
    for index, value in enumerate(scores):
        if running <= 0:
            start, running = index, 0.0
        running += value
        if running > best_sum:
            best, best_sum = range(start, index + 1), running
    return best


def distances(marked: Sequence[bool]) -> list[tuple[int, int]]:
    """Return for each index how far the nearest marked ones before and after it are; itself does not count."""
    far = len(marked) + 1
    before = accumulate([far, *(0 if mark else far for mark in marked)], lambda near, mark: min(near + 1, mark))
    after = accumulate(
        [far, *(0 if mark else far for mark in reversed(marked))], lambda near, mark: min(near + 1, mark)
    )
    return [(b + 1, a + 1) for b, a in zip(list(before)[:-1], reversed(list(after)[:-1]), strict=True)]
