"""Numbers for each line: what it looks like, where it stands, what it shares with the others, and its first words."""

from collections import Counter
from collections.abc import Sequence
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
_INSIDE = 60  # words of a line that are looked at as a whole
_CONTENT_CHARS = 4  # shorter words say little about the topic
_BULLETS = frozenset("•·|»›▶►→–—-*")  # noqa: RUF001 - the dashes are meant
_QUOTES = "\"“”«»„'‘’「『"  # noqa: RUF001 - the quotes of several languages are meant

WIDTH = 90  # numbers in a row


def dense(facts: Sequence[Facts], title: str | None) -> np.ndarray:
    """Return a row of numbers for each line."""
    own = np.array([_own(line) for line in facts], dtype=np.float32)
    return np.hstack((own, _shared(facts, title), _place(facts)))


def buckets(facts: Sequence[Facts]) -> tuple[list[list[int]], list[list[int]]]:
    """Return for each line the buckets that the words at its edges fall into, and those of all its words."""
    return [_edge(line.tokens) for line in facts], [_inside(line.tokens) for line in facts]


def _own(line: Facts) -> list[float]:
    """Describe a line as if it stood alone."""
    text, words = line.line.text, line.words
    pieces = text.split(" ")
    first, last = text[0], text[-1]
    capitals = sum(piece[:1].isupper() for piece in pieces)
    cued = sum(cue.words for cue in line.cues)
    rules = {cue.rule for cue in line.cues}
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
        cued / max(words, 1),
        len(line.cues) / 3,
        any(cue.whole_line for cue in line.cues),
        any(cue.at_start for cue in line.cues),
        furniture is not None,
        *[rule in rules for rule in FURNITURE],
        *[line.role == role for role in _ROLES],
    ]  # fmt: skip


def _shared(facts: Sequence[Facts], title: str | None) -> np.ndarray:
    """Describe what a line has in common with the title and with the other lines."""
    same = Counter(line.line.text.casefold() for line in facts)
    starts = Counter(tuple(line.tokens[:2]) for line in facts)
    content = [{word for word in line.tokens if len(word) >= _CONTENT_CHARS} for line in facts]
    strong = Counter(word for line, words in zip(facts, content, strict=True) if line.strong for word in words)
    wanted = {word for word in tokens(title or "") if len(word) >= _CONTENT_CHARS}
    trigrams = [set(zip(line.tokens, line.tokens[1:], line.tokens[2:], strict=False)) for line in facts]
    shared = Counter(chain.from_iterable(trigrams))
    rows = []
    for line, words, threes in zip(facts, content, trigrams, strict=True):
        itself = int(line.strong)
        elsewhere = sum(strong[word] > itself for word in words)
        titled = len(words & wanted)
        rows.append(
            (
                log1p(same[line.line.text.casefold()] - 1),
                log1p(starts[tuple(line.tokens[:2])] - 1) / 2,
                elsewhere / max(len(words), 1),
                log1p(elsewhere) / 3,
                titled / max(len(words), 1),
                titled / max(len(wanted), 1),
                sum(shared[three] > 1 for three in threes) / max(len(threes), 1),
            )
        )
    return np.array(rows, dtype=np.float32)


def _place(facts: Sequence[Facts]) -> np.ndarray:
    """Describe where a line stands: in the document, to its densest part, and to the lines that read like prose."""
    n = len(facts)
    scores = [score(line) for line in facts]
    span = best_span(scores)
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
