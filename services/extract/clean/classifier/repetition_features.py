"""Numbers for each line from what it shares with the title and with the other lines: its text, words and phrases."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.extract.clean.rules.line_facts import Facts
from services.extract.clean.text.words import tokens

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = Iterator[npt.NDArray[Any]]

_CONTENT_CHARS = 4  # shorter words say little about the topic
_HEADING = range(4, 31)  # words
_OPENING = 5  # paragraphs


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


def shared(facts: Sequence[Facts], title: str | None, span: range) -> np.ndarray:
    """Return a row of numbers for each line."""
    words = _numbered([line.tokens for line in facts])
    columns = [
        np.log1p(_others([line.line.text.casefold() for line in facts])),
        np.log1p(_others([tuple(line.tokens[:2]) for line in facts])) / 2,
        *_content(facts, words.content(), title, span),
        _repeated(words, len(facts)),
    ]
    return np.column_stack([np.asarray(column, np.float32) for column in columns])


def _numbered(lines: Sequence[Sequence[str]]) -> _Words:
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
        if value > most and line.words in _HEADING and not line.furniture:
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
