"""Labels the lines of a text as article or not, by aligning their words with the expected paragraphs."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from services.extract.clean.text import tokens

_MAX_PLACES = 20  # at which a line is looked for
_FUZZY_WORDS = 4  # lines of so many words may differ a little;
_FUZZY_SHARE = 0.5  # so many of their word pairs must stand close together
_BAND = 4  # words; how close


class _Place(NamedTuple):
    start: int
    end: int
    agreed: float


class _Chain(NamedTuple):
    weight: float
    line: int
    before: "_Chain | None"


def align(lines: Sequence[str], expected: Sequence[str]) -> list[int]:
    """Return 1 for each line that is a part of the expected text, in its order there, and 0 for the others."""
    wanted = [word for paragraph in expected for word in tokens(paragraph)]
    pairs: dict[tuple[str, str], list[int]] = {}
    for index, pair in enumerate(itertools.pairwise(wanted)):
        pairs.setdefault(pair, []).append(index)
    firsts: dict[str, list[int]] = {}
    for index, word in enumerate(wanted):
        firsts.setdefault(word, []).append(index)
    best: list[_Chain | None] = [None] * (len(wanted) + 2)  # a tree of the heaviest chains by where they end
    for number, line in enumerate(lines):
        words = tokens(line)
        places = _exact(words, wanted, firsts) or _close(words, pairs, len(wanted))
        chains = [(place.end, _extended(best, place, number)) for place in places]
        for end, chain in chains:
            _put(best, end, chain)
    found = [0] * len(lines)
    last = _heaviest(best, len(wanted))
    while last:
        found[last.line] = 1
        last = last.before
    return found


def _exact(words: Sequence[str], wanted: Sequence[str], firsts: dict[str, list[int]]) -> list[_Place]:
    if not words:
        return []
    starts = [at for at in firsts.get(words[0], ()) if list(wanted[at : at + len(words)]) == list(words)]
    return [_Place(at, at + len(words), len(words)) for at in starts[:_MAX_PLACES]]


def _close(words: Sequence[str], pairs: dict[tuple[str, str], list[int]], end: int) -> list[_Place]:
    """Return where most pairs of the line's words stand, if they stand together."""
    if len(words) < _FUZZY_WORDS:
        return []
    votes = Counter(
        (at - index) // _BAND for index, pair in enumerate(itertools.pairwise(words)) for at in pairs.get(pair, ())[:50]
    )
    if not votes:
        return []
    band = max(votes, key=lambda at: votes[at] + votes[at + 1])
    agreed = votes[band] + votes[band + 1]
    start = min(max(0, band * _BAND), end)
    enough = agreed >= _FUZZY_SHARE * (len(words) - 1)
    return [_Place(start, min(start + len(words), end), agreed)] if enough else []


def _extended(best: list[_Chain | None], place: _Place, line: int) -> _Chain:
    slack = _BAND - 1 if place.agreed < place.end - place.start else 0
    before = _heaviest(best, min(place.start + slack, len(best) - 2))
    return _Chain((before.weight if before else 0.0) + place.agreed + 0.01, line, before)


def _heaviest(best: list[_Chain | None], end: int) -> _Chain | None:
    """Return the heaviest chain that ends at ``end`` or before."""
    found, at = None, end + 1
    while at > 0:
        chain = best[at]
        if chain and (found is None or chain.weight > found.weight):
            found = chain
        at -= at & -at
    return found


def _put(best: list[_Chain | None], end: int, chain: _Chain) -> None:
    at = end + 1
    while at < len(best):
        known = best[at]
        if known is None or chain.weight > known.weight:
            best[at] = chain
        at += at & -at
