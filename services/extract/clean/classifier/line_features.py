"""Numbers for each line: what it looks like, where it stands, what it shares with the others, and its first words."""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import log1p
from zlib import crc32

import numpy as np

from services.extract.clean.classifier import repetition_features
from services.extract.clean.rules.line_facts import Facts
from services.extract.clean.rules.packs import FURNITURE
from services.extract.clean.text.span import best_span, distances, score

_ROLES = ("title", "agency", "caption", "byline", "date_line", "separator")
_LENGTHS = (1, 2, 3, 5, 8, 13, 21, 41, 81)  # words
_FIRST, _LAST, _SHORT = 4, 2, 8  # words that are looked at by themselves; a line so short is one word as a whole
_INSIDE = 60  # words of a line that are looked at as a whole
_NO_CUES = (0.0,) * (4 + len(FURNITURE))
_AT_LEAST = [tuple(float(words >= length) for length in _LENGTHS) for words in range(_LENGTHS[-1] + 1)]
_IS_ROLE = {named: tuple(float(named == role) for role in _ROLES) for named in (None, *_ROLES)}
_BULLETS = frozenset("•·|»›▶►→–—-*")  # noqa: RUF001 - the dashes are meant
_DIGIT = re.compile("[0-9]")
_QUOTES = "\"“”«»„'‘’「『"  # noqa: RUF001 - the quotes of several languages are meant

WIDTH = 93  # numbers in a row


def dense(facts: Sequence[Facts], title: str | None) -> np.ndarray:
    """Return a row of numbers for each line."""
    own = np.array([_own(line) for line in facts], dtype=np.float32)
    scores = [score(line) for line in facts]
    span = best_span(scores)
    return np.hstack((own, repetition_features.shared(facts, title, span), _place(facts, scores, span)))


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
    capitals = sum([piece[:1].isupper() for piece in pieces])
    furniture = line.furniture
    return [
        log1p(words) / 4,
        log1p(len(text)) / 5,
        len(text) / len(pieces) / 10 if words == len(pieces) else 0.5,
        *_AT_LEAST[min(words, _LENGTHS[-1])],
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
        _digits(text) / len(text) if words < _LENGTHS[-2] else 0.0,
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
        *_IS_ROLE[line.role],
    ]  # fmt: skip


def _digits(text: str) -> int:
    return len(_DIGIT.findall(text)) if text.isascii() else sum(map(str.isdigit, text))


def _cued(line: Facts) -> list[float]:
    rules = {cue.rule for cue in line.cues}
    return [
        sum(cue.words for cue in line.cues) / max(line.words, 1),
        len(line.cues) / 3,
        any(cue.whole_line for cue in line.cues),
        any(cue.at_start for cue in line.cues),
        *[rule in rules for rule in FURNITURE],
    ]


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
