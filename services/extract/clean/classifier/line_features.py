"""Features of lines of a text: look, position, words shared with the title and other lines; hashed words."""

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import log1p
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from services.extract.clean.rules.decide import best_span, distances, score
from services.extract.clean.rules.line_facts import Facts
from services.extract.clean.rules.packs import BOILERPLATE_RULES
from services.extract.clean.text import tokens

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = Iterator[npt.NDArray[Any]]

_ROLES = ("title", "agency", "caption", "byline", "date_line", "separator")
_LENGTHS = (1, 2, 3, 5, 8, 13, 21, 41, 81)  # words
_FIRST, _LAST, _SHORT = 4, 2, 8  # words that are looked at by themselves; a line so short is one word as a whole
_INSIDE = 60  # words of a line that are looked at as a whole
_NO_CUES = (0.0,) * (4 + len(BOILERPLATE_RULES))
_AT_LEAST = [tuple(float(words >= length) for length in _LENGTHS) for words in range(_LENGTHS[-1] + 1)]
_IS_ROLE = {named: tuple(float(named == role) for role in _ROLES) for named in (None, *_ROLES)}
_BULLETS = frozenset("•·|»›▶►→–—-*")
_DIGIT = re.compile("[0-9]")
_QUOTES = "\"“”«»„'‘’「『"
_CONTENT_CHARS = 4  # shorter words say little about the topic
_HEADING = range(4, 31)  # words
_OPENING = 5  # paragraphs

WIDTH = 92  # numbers in a row


@dataclass(frozen=True)
class _Words:
    """Words of the lines as numbers, in order, with the line of each."""

    numbers: Mapping[str, int]
    words: Integers
    lines: Integers

    def content(self) -> "_Words":
        """Return the longer ones, each once in a line."""
        kinds = max(len(self.numbers), 1)
        long = np.array([len(word) >= _CONTENT_CHARS for word in self.numbers], np.bool_)[self.words]
        lines, words = np.divmod(_distinct(self.lines[long] * kinds + self.words[long]), kinds)
        return _Words(self.numbers, words, lines)

    def among(self, chosen: Flags) -> Flags:
        """Return for each word there is whether it is one of the chosen."""
        found = np.zeros(len(self.numbers), np.bool_)
        found[self.words[chosen]] = True
        return found


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
    capitals = sum([piece[:1].isupper() for piece in pieces])
    boilerplate = line.boilerplate
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
        "|" in text or "»" in text or "›" in text or "•" in text,
        "@" in text or "://" in text or "www." in text,
        '"' in text or "“" in text or "«" in text or "„" in text,
        ":" in text[:30],
        "(" in text,
        "?" in text,
        "©" in text,
        line.strong,
        line.words != len(line.tokens),  # a script without spaces
        line.line.caption,
        line.copy_of is not None,
        line.doubtful,
        boilerplate is not None,
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
        *[rule in rules for rule in BOILERPLATE_RULES],
    ]


def _place(facts: Sequence[Facts], scores: Sequence[float], span: range) -> np.ndarray:
    """Describe where a line stands: in the document, to its densest part, and to the lines that read like prose."""
    n = len(facts)
    prose = [line.words if line.strong and not line.boilerplate and not line.role else 0 for line in facts]
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


def _shared(facts: Sequence[Facts], title: str | None, span: range) -> np.ndarray:
    """Return a row of numbers for each line."""
    words = _numbered_words([line.tokens for line in facts])
    columns = [
        np.log1p(_others([line.line.text.casefold() for line in facts])),
        np.log1p(_others([tuple(line.tokens[:2]) for line in facts])) / 2,
        *_content(facts, words.content(), title, span),
        _repeated(words, len(facts)),
    ]
    return np.column_stack([np.asarray(column, np.float32) for column in columns])


def _numbered_words(lines: Sequence[Sequence[str]]) -> _Words:
    numbers: dict[str, int] = {}
    words = np.array([numbers.setdefault(word, len(numbers)) for line in lines for word in line], np.int64)
    return _Words(numbers, words, np.repeat(np.arange(len(lines)), [len(line) for line in lines]))


def _distinct(numbers: Integers) -> Integers:
    """Return the numbers, which are not negative, each once and in order; np.unique takes four times as long."""
    numbers = np.sort(numbers)
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _others(keys: Sequence[Hashable]) -> Integers:
    """Return for each line how many others have the same key."""
    count = Counter(keys)
    return np.array([count[key] - 1 for key in keys], np.int64)


def _content(facts: Sequence[Facts], content: _Words, title: str | None, span: range) -> Columns:
    """Compare the words of a line with those of the title, of the first paragraphs, and of the prose around it."""
    lines, words, size = content.lines, content.words, len(facts)
    in_prose = np.array([line.strong for line in facts], np.bool_)[lines]
    in_body = in_prose & (lines >= span.start) & (lines < span.stop)
    many = np.bincount(lines, minlength=size)
    share = np.maximum(many, 1)
    titled = {word for word in tokens(title or "") if len(word) >= _CONTENT_CHARS}
    if titled:
        asked = len(titled)
        wanted = np.isin(words, [content.numbers[word] for word in titled if word in content.numbers])
    else:
        heading = _heading(facts[: span.start], content, many, in_body)
        asked = int(many[heading]) if heading >= 0 else 1
        wanted = content.among(lines == heading)[words]
    opening = np.isin(lines, _distinct(lines[in_body])[:_OPENING])
    told = np.bincount(lines[wanted], minlength=size)
    elsewhere, before, after = _in_prose(content, in_prose, size)
    yield elsewhere / share
    yield np.log1p(elsewhere) / 3
    yield told / share
    yield told / asked
    yield before / share
    yield after / share
    yield np.bincount(lines[content.among(opening)[words]], minlength=size) / share


def _in_prose(content: _Words, in_prose: Flags, size: int) -> list[Integers]:
    """Count the words of each line that stand in the prose of other lines, in that before it, and in that after it."""
    lines, words = content.lines, content.words
    line, word = lines[in_prose], words[in_prose]
    having = np.bincount(word, minlength=len(content.numbers))  # lines of prose
    first, last = np.full(len(having), size), np.full(len(having), -1)
    first[word[::-1]] = line[::-1]
    last[word] = line
    return [
        np.bincount(lines[found], minlength=size)
        for found in (having[words] > in_prose, first[words] < lines, last[words] > lines)
    ]


def _heading(facts: Sequence[Facts], content: _Words, many: Integers, in_body: Flags) -> int:
    """Return the line above the body that shares most words with it, very likely its heading, or -1."""
    often = np.bincount(content.words[in_body], minlength=len(content.numbers)) > 1
    common = np.bincount(content.lines[often[content.words]], minlength=len(many)) / np.sqrt(np.maximum(many, 1))
    best, most = -1, 1.0
    for index, (line, value) in enumerate(zip(facts, common, strict=False)):
        if value > most and line.words in _HEADING and not line.boilerplate:
            best, most = index, value
    return best


def _repeated(words: _Words, size: int) -> np.ndarray:
    """Return for each line how many of its different runs of three words stand in other lines too, as a share."""
    kinds, at, word = len(words.numbers), words.lines, words.words
    whole = at[:-2] == at[2:]
    threes = ((word[:-2] * kinds + word[1:-1]) * kinds + word[2:])[whole]
    _, threes = np.unique(threes, return_inverse=True)
    kinds = len(threes) + 1
    at, threes = np.divmod(_distinct(at[:-2][whole] * kinds + threes), kinds)  # each once in a line
    elsewhere = np.bincount(threes)[threes] > 1
    total = np.bincount(at, minlength=size)
    return np.bincount(at, weights=elsewhere, minlength=size) / np.maximum(total, 1)
