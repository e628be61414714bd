"""Numbers for each line: what it looks like, where it stands, what it shares with the others, and its first words."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate, chain, pairwise
from math import log1p
from zlib import crc32

import numpy as np

from services.extract.clean.body import best_span, distances, score
from services.extract.clean.facts import Facts
from services.extract.clean.packs import FURNITURE
from services.extract.clean.words import tokens

_ROLES = ("title", "agency", "caption", "byline", "date_line", "separator")
_LENGTHS = (1, 2, 3, 5, 8, 13, 21, 41, 81)  # words
_FIRST, _LAST, _SHORT = 4, 2, 8  # words that are looked at by themselves; a line so short is one word as a whole
_HEADING = range(4, 31)  # words
_OPENING = 5  # paragraphs
_INSIDE = 60  # words of a line that are looked at as a whole
_CONTENT_CHARS = 4  # shorter words say little about the topic
_NO_WORDS: AbstractSet[str] = frozenset()
_NO_CUES = (0.0,) * (4 + len(FURNITURE))
_BULLETS = frozenset("•·|»›▶►→–—-*")  # noqa: RUF001 - the dashes are meant
_QUOTES = "\"“”«»„'‘’「『"  # noqa: RUF001 - the quotes of several languages are meant

WIDTH = 93  # numbers in a row


def dense(facts: Sequence[Facts], title: str | None) -> np.ndarray:
    """Return a row of numbers for each line."""
    own = np.array([_own(line) for line in facts], dtype=np.float32)
    scores = [score(line) for line in facts]
    span = best_span(scores)
    return np.hstack((own, _shared(facts, title, span), _place(facts, scores, span)))


def buckets(facts: Sequence[Facts]) -> tuple[list[list[int]], list[list[int]]]:
    """Return for each line the buckets that the words at its edges fall into, and those of all its words."""
    return edge_buckets(facts), [_inside(line.tokens) for line in facts]


def edge_buckets(facts: Sequence[Facts]) -> list[list[int]]:
    """Return for each line the buckets that the words at its edges fall into."""
    return [_edge(line.tokens) for line in facts]


def _own(line: Facts) -> list[float]:
    """Describe a line as if it stood alone."""
    text, words = line.line.text, line.words
    pieces = text.split(" ")
    first, last = text[0], text[-1]
    capitals = sum(map(str.isupper, [piece[:1] for piece in pieces]))
    furniture = line.furniture
    return [
        log1p(words) / 4,
        log1p(len(text)) / 5,
        len(text) / len(pieces) / 10 if words == len(pieces) else 0.5,
        *[float(words >= length) for length in _LENGTHS],
        line.ends,
        last in "?!",
        last == ":",
        last in ",;",
        last == "…" or text.endswith("..."),
        last in _QUOTES,
        last in ")]",
        last.isdigit(),
        first.islower(),
        first.isdigit(),
        first in _QUOTES,
        first in _BULLETS,
        first in "([#@©",
        capitals / len(pieces),
        text.isupper(),
        sum(map(str.isdigit, text)) / len(text) if words < _LENGTHS[-2] else 0.0,
        log1p(text.count(",")),
        log1p(text.count(". ")),
        "|" in text or "»" in text or "›" in text or "•" in text,  # noqa: RUF001
        "@" in text or "://" in text or "www." in text,
        '"' in text or "“" in text or "«" in text or "„" in text,
        ":" in text[:30],
        "(" in text,
        "?" in text,
        "©" in text,
        line.strong,
        line.words != len(line.tokens),  # a script without spaces
        line.line.after_blank,
        line.line.caption,
        line.copy_of is not None,
        line.doubtful,
        furniture is not None,
        *(_cued(line) if line.cues else _NO_CUES),
        *[line.role == role for role in _ROLES],
    ]  # fmt: skip


def _cued(line: Facts) -> list[float]:
    rules = {cue.rule for cue in line.cues}
    return [
        sum(cue.words for cue in line.cues) / max(line.words, 1),
        len(line.cues) / 3,
        any(cue.whole_line for cue in line.cues),
        any(cue.at_start for cue in line.cues),
        *[rule in rules for rule in FURNITURE],
    ]


def _shared(facts: Sequence[Facts], title: str | None, span: range) -> np.ndarray:
    """Describe what a line has in common with the title and with the other lines."""
    same = Counter(line.line.text.casefold() for line in facts)
    starts = Counter(tuple(line.tokens[:2]) for line in facts)
    content = [{word for word in line.tokens if len(word) >= _CONTENT_CHARS} for line in facts]
    strong = [words if line.strong else _NO_WORDS for line, words in zip(facts, content, strict=True)]
    counts = Counter(chain.from_iterable(strong))
    once, twice = set(counts), {word for word, count in counts.items() if count > 1}
    titled = {word for word in tokens(title or "") if len(word) >= _CONTENT_CHARS}
    wanted = titled or _heading(facts, content, strong, span)
    opening = set[str]().union(*[strong[index] for index in span if strong[index]][:_OPENING])
    later = list(_before(reversed(content), reversed(strong)))
    rows = []
    for line, words, earlier, after in zip(facts, content, _before(content, strong), reversed(later), strict=True):
        elsewhere = len(words & (twice if line.strong else once))
        told, many = len(words & wanted), max(len(words), 1)
        rows.append(
            (
                log1p(same[line.line.text.casefold()] - 1),
                log1p(starts[tuple(line.tokens[:2])] - 1) / 2,
                elsewhere / many,
                log1p(elsewhere) / 3,
                told / many,
                told / max(len(wanted), 1),
                earlier / many,
                after / many,
                len(words & opening) / many,
            )
        )
    return np.column_stack((np.array(rows, dtype=np.float32), _repeated([line.tokens for line in facts])))


def _before(content: Iterable[AbstractSet[str]], strong: Iterable[AbstractSet[str]]) -> Iterator[int]:
    """Yield for each line how many of its words stand in prose that comes before it."""
    seen = set[str]()
    for words, prose in zip(content, strong, strict=True):
        yield len(words & seen)
        seen |= prose


def _heading(
    facts: Sequence[Facts], content: Sequence[AbstractSet[str]], strong: Sequence[AbstractSet[str]], span: range
) -> AbstractSet[str]:
    """Return the words of the line above the body that shares most with it: very likely its heading."""
    counts = Counter(chain.from_iterable(strong[index] for index in span))
    often = {word for word, count in counts.items() if count > 1}
    best, most = _NO_WORDS, 1.0
    for line, words in zip(facts[: span.start], content, strict=False):
        shared = len(words & often) / max(len(words), 1) ** 0.5
        if line.words in _HEADING and not line.furniture and shared > most:
            best, most = words, shared
    return best


def _repeated(lines: Sequence[Sequence[str]]) -> np.ndarray:
    """Return for each line how many of its different runs of three words stand in other lines too, as a share."""
    numbers: dict[str, int] = {}
    words = np.array([numbers.setdefault(word, len(numbers)) for line in lines for word in line], dtype=np.int64)
    at = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    whole = at[:-2] == at[2:]
    threes = ((words[:-2] * len(numbers) + words[1:-1]) * len(numbers) + words[2:])[whole]
    _, threes = np.unique(threes, return_inverse=True)
    kinds = len(threes) + 1
    at, threes = np.divmod(np.unique(at[:-2][whole] * kinds + threes), kinds)  # each once in a line
    elsewhere = np.bincount(threes)[threes] > 1
    total = np.bincount(at, minlength=len(lines))
    return (np.bincount(at, weights=elsewhere, minlength=len(lines)) / np.maximum(total, 1)).astype(np.float32)


def _place(facts: Sequence[Facts], scores: Sequence[float], span: range) -> np.ndarray:
    """Describe where a line stands: in the document, to its densest part, and to the lines that read like prose."""
    n = len(facts)
    prose = [line.words if line.strong and not line.furniture and not line.role else 0 for line in facts]
    near = np.array(distances([words > 0 for words in prose]), dtype=np.float32)
    so_far = np.array(list(accumulate(prose)), dtype=np.float32) / max(sum(prose), 1)
    at = np.arange(n, dtype=np.float32)
    begin, end = (span.start, span.stop - 1) if span else (0, -1)
    titles = [index for index, line in enumerate(facts) if line.role == "title"]
    heading = titles[0] if titles else -1
    columns = (
        at / n,
        np.minimum(at, 20) / 20,
        np.minimum(n - 1 - at, 20) / 20,
        np.full(n, log1p(n) / 5),
        np.full(n, len(span) / n),
        (at >= begin) & (at <= end),
        np.log1p(np.maximum(begin - at, 0)) / 3,
        np.log1p(np.maximum(at - end, 0)) / 3,
        (at - begin) / max(end - begin, 1) * ((at >= begin) & (at <= end)),
        np.log1p(near[:, 0]) / 3,
        np.log1p(near[:, 1]) / 3,
        near[:, 0] == 1,
        near[:, 1] == 1,
        so_far,
        np.array(scores) / 4,
        np.full(n, heading >= 0),
        (at > heading) if heading >= 0 else np.zeros(n),
        np.log1p(np.abs(at - heading)) / 3 if heading >= 0 else np.zeros(n),
        np.full(n, log1p(sum(prose)) / 7),
    )
    return np.column_stack([np.asarray(column, dtype=np.float32) for column in columns])


def _edge(found: Sequence[str]) -> list[int]:
    head, tail = found[:_FIRST], found[-_LAST:]
    keys = [f"s {word}" for word in head] + [f"e {word}" for word in tail]
    keys += [f"b {a} {b}" for a, b in pairwise(head)]
    if len(found) <= _SHORT:
        keys.append("l " + " ".join(found))
    return [crc32(key.encode()) for key in keys]


def _inside(found: Sequence[str]) -> list[int]:
    return [crc32(word.encode()) for word in dict.fromkeys(found[:_INSIDE])]
