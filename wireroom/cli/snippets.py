"""The part of a text where the words of a search stand, with the words told apart. Pure."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence

from services.desk.search_engine import Fragment

_TERM = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_WORD = re.compile(r"\w+")
_MOST = 200  # matches of a text that are looked at


def terms(query: str) -> tuple[str, ...]:
    """Return the words and quoted phrases of a query as MongoDB reads it, without those that are excluded."""
    found = ((excluded, phrase or word) for excluded, phrase, word in _TERM.findall(query))
    return tuple(dict.fromkeys(" ".join(_WORD.findall(_folded(text))) for excluded, text in found if not excluded))


def snippet(text: str, wanted: Sequence[str], width: int = 160) -> tuple[Fragment, ...]:
    """Return about ``width`` code points of the text around most of the wanted terms, ellipses where it goes on.

    Case and accents do not count. Without a match it is the beginning of the text.
    """
    flat = " ".join(text.split())
    places = _places(_folded(flat), wanted)
    first, last = _window(places, width)
    begin = _word_start(flat, first, width, last)
    end = min(begin + width, len(flat))
    parts: list[Fragment] = [Fragment("… ")] if begin else []
    at = begin
    for start, stop, _ in places:
        if start < at or stop > end:
            continue
        parts += [Fragment(flat[at:start])] if start > at else []
        parts.append(Fragment(flat[start:stop], matched=True))
        at = stop
    rest = flat[at:end]
    if end < len(flat):
        rest = rest.rsplit(" ", 1)[0] + " …"
    return (*parts, Fragment(rest)) if rest else tuple(parts)


def _folded(text: str) -> str:
    """Return the text in lower case without accents, each code point in its place."""
    return "".join(unicodedata.normalize("NFD", each)[0].lower()[:1] or each for each in text)


def _places(folded: str, wanted: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return start, end and term of each match, by its start."""
    either = "|".join(
        r"\W+".join(map(re.escape, term.split())) for term in sorted(wanted, key=len, reverse=True) if term
    )
    if not either:
        return []
    found = re.finditer(rf"(?<!\w)(?:{either})(?!\w)", folded)
    return [(match.start(), match.end(), match[0]) for match, _ in zip(found, range(_MOST), strict=False)]


def _window(places: Sequence[tuple[int, int, str]], width: int) -> tuple[int, int]:
    """Return start of the first and end of the last match of the window with the most different terms."""
    starts = [start for start, _, _ in places]
    best = (0, 0, 0)
    for number, (start, _, _) in enumerate(places):
        inside = [each for each in places[number : bisect_left(starts, start + width)] if each[1] <= start + width]
        different = len({term for _, _, term in inside})
        if different > best[0]:
            best = (different, start, inside[-1][1])
    return best[1], best[2]


def _word_start(text: str, first: int, width: int, last: int) -> int:
    """Return where to begin so that the matches stand in the middle, at the start of a word."""
    room = max((width - (last - first)) // 2, 0)
    begin = max(min(first - room, len(text) - width), 0)
    return 0 if begin == 0 else min(text.find(" ", begin) + 1 or begin, first)
