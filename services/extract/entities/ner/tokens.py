"""Tokens of a text by its parts between white space, each tokenised by spaCy once and then looked up.

spaCy's tokenizer reads each part by itself, and what the encoder sees of a token depends on its letters alone. Only its
special cases of several tokens may be found across a space: parts that may have one are read together.
Texts whose parts are too long or too many for the table are left to spaCy.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IDS
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from services.extract.entities.ner.word_table import Numbers, TableFull, WordTable

CAPACITY = 131_072  # parts, 0.2 kB each
_LONGEST = 200  # code points; a longer part is not kept
_PARTS = re.compile(r"\S+ ?|\s+")  # the space behind a part is no token
_BLANK_LINE = "\n\n"
_OF_LETTERS = frozenset({"ORTH", "LOWER", "NORM", "PREFIX", "SUFFIX", "SHAPE"})  # columns that no neighbour changes
_BEGINS, _GOES_ON = 1, 2  # what the last and the first token of a part may do with a special case across a space

Read = Callable[[str], Doc]
Places = NDArray[np.int32]


class Tokens(NamedTuple):
    """The tokens of a text: features (tokens, columns) of their words or rows (tokens,) of the table, and places."""

    words: NDArray[Any]
    starts: Numbers  # code points
    ends: Numbers
    space: NDArray[np.bool_]


def tokens_of(doc: Doc, columns: list[str]) -> Tokens:
    """Return the tokens of a document, with the features (tokens, columns) of their words."""
    found = doc.to_array([*columns, "IDX", "LENGTH", "IS_SPACE"]).reshape(len(doc), -1)
    starts, lengths, space = found[:, len(columns) :].astype(np.int64).T
    return Tokens(found[:, : len(columns)], starts, starts + lengths, space.astype(bool))


def parts_of(text: str) -> list[str]:
    """Return the parts of a text: words with the space behind them, and other white space."""
    return _PARTS.findall(text)


def compute_only(columns: Iterable[str], vocab: Any) -> None:  # noqa: ANN401 - spaCy's types lack the attribute
    """Compute of a new word only what is read: the rest, such as whether it is a link, takes as long as its tokens."""
    read = {IDS[name] for name in (*columns, "LANG", "LOWER", "IS_SPACE")}
    vocab.lex_attr_getters = {attr: get for attr, get in vocab.lex_attr_getters.items() if attr in read}


class PartTable:
    """The tokens of at most ``capacity`` parts; one that is full is emptied together with its table of words."""

    def __init__(self, read: Read, tokenizer: object, words: WordTable, capacity: int = CAPACITY) -> None:
        self._read, self._words, self._capacity = read, words, capacity
        pairs = _pairs_of_specials(tokenizer)
        self._pairs = pairs or frozenset()
        self._begin, self._go_on = ({pair[at] for pair in self._pairs} for at in (0, 1))
        self.usable = pairs is not None and set(words.columns) <= _OF_LETTERS
        self._numbers: dict[str, int] = {}
        self._parts = np.zeros((capacity, 4), np.int32)  # first token, tokens, code points, bits for special cases
        self._tokens = np.zeros((2 * capacity, 4), np.int32)  # row, start and end in the part, whether white space
        self._used = 0
        self._kept = 0, 0

    def __len__(self) -> int:
        return len(self._numbers)

    def keep(self) -> None:
        """Let ``clear`` leave the parts that are here now, and their words."""
        self._kept = len(self._numbers), self._used
        self._words.keep()

    def clear(self) -> None:
        """Forget every part and word but those that are kept."""
        parts, self._used = self._kept
        while len(self._numbers) > parts:
            self._numbers.popitem()
        self._words.clear()

    def tokens(self, texts: Sequence[str]) -> list[Tokens] | None:
        """Return what spaCy makes of texts, with rows; None where it has to be asked, or where there is no room."""
        if not self.usable:
            return None
        split = [parts_of(text) for text in texts]
        for _ in range(2):
            try:
                self.learn({part for parts in split for part in parts})
                return [self._tokens_of(parts) for parts in split]
            except TableFull:
                self.clear()
        return None

    def _tokens_of(self, parts: list[str]) -> Tokens:
        numbers = [self._numbers[part] for part in parts]
        first, counts, lengths, bits = self._parts[numbers].T
        if crossed := self._crossed(parts, first, counts, bits):
            joined = list(_joined(parts, crossed))
            self.learn(joined)
            return self._tokens_of(joined)
        after = counts.cumsum()
        rows, starts, ends, space = self._tokens[(first - after + counts).repeat(counts) + np.arange(after[-1])].T
        offsets = (lengths.cumsum() - lengths).repeat(counts)
        return Tokens(rows.astype(np.int64), starts + offsets, ends + offsets, space.astype(bool))

    def learn(self, parts: Iterable[str]) -> None:
        """Have the tokens of parts that are not here yet; raises TableFull."""
        new = [part for part in parts if part not in self._numbers]
        if len(self._numbers) + len(new) > self._capacity or max(map(len, new), default=0) > _LONGEST:
            raise TableFull
        known = [self._numbers.get(part[:-1] if part.endswith(" ") else f"{part} ") for part in new]
        unread, alike, twins = [], [], []
        for part, twin in zip(new, known, strict=True):
            if part.isspace():
                self._store([part], tokens_of(self._read(part), self._words.columns), np.zeros(1, np.int64))
            elif twin is None:
                unread.append(part)
            else:
                alike.append(part)
                twins.append(twin)
        if twins:
            first, counts, _, bits = self._parts[twins].T
            self._add(alike, first, counts, bits)
        if unread:
            self._read_at_once(unread)

    def _read_at_once(self, parts: Sequence[str]) -> None:
        """Read parts as paragraphs: no special case goes over a blank line."""
        texts = [part.removesuffix(" ") + _BLANK_LINE for part in parts]
        tokens = tokens_of(self._read("".join(texts)), self._words.columns)
        lengths = np.array(list(map(len, texts)))
        self._store(parts, Tokens._make(column[~tokens.space] for column in tokens), lengths.cumsum() - lengths)

    def _store(self, parts: Sequence[str], tokens: Tokens, begins: Numbers) -> None:
        """Keep the tokens of parts that begin at these code points."""
        at = self._used
        if at + len(tokens.starts) > len(self._tokens):
            raise TableFull
        which = np.searchsorted(begins, tokens.starts, "right") - 1
        starts, ends = tokens.starts - begins[which], tokens.ends - begins[which]
        rows = self._words.rows(tokens.words)
        self._tokens[at : at + len(which)] = np.column_stack([rows, starts, ends, tokens.space])
        self._used += len(which)
        counts = np.bincount(which, minlength=len(parts))
        after = counts.cumsum()
        first_ends, last_starts, last_ends = ends[after - counts], starts[after - 1], ends[after - 1]
        bits = [
            _BEGINS * (part[last_start:last_end] in self._begin) | _GOES_ON * (part[:first_end] in self._go_on)
            for part, first_end, last_start, last_end in zip(
                parts, first_ends.tolist(), last_starts.tolist(), last_ends.tolist(), strict=True
            )
        ]
        self._add(parts, at + after - counts, counts, np.array(bits))

    def _add(self, parts: Sequence[str], *columns: NDArray[np.integer]) -> None:
        first, counts, bits = columns
        at, after = len(self._numbers), len(self._numbers) + len(parts)
        self._parts[at:after] = np.column_stack([first, counts, list(map(len, parts)), bits])
        self._numbers.update(zip(parts, range(at, after), strict=True))

    def _crossed(self, parts: Sequence[str], first: Places, counts: Places, bits: Places) -> set[int]:
        """Return the parts whose last token stands beside the first of the next in a special case."""
        crossed = set()
        for at in np.flatnonzero((bits[:-1] & _BEGINS) & (bits[1:] >> 1)).tolist():
            (_, start, end, _), (_, _, next_end, _) = self._tokens[[first[at] + counts[at] - 1, first[at + 1]]]
            if (parts[at][start:end], parts[at + 1][:next_end]) in self._pairs:
                crossed.add(at)
        return crossed


def _joined(parts: Sequence[str], crossed: Container[int]) -> Iterator[str]:
    """Yield the parts, each that is crossed together with the next."""
    before = ""
    for at, part in enumerate(parts):
        before += part
        if at not in crossed:
            yield before
            before = ""


def _pairs_of_specials(tokenizer: object) -> frozenset[tuple[str, str]] | None:
    """Return which tokens stand side by side in what spaCy looks for in tokens; None where it tokenises otherwise."""
    if not isinstance(tokenizer, Tokenizer) or type(tokenizer) is not Tokenizer:
        return None
    rules = [rule for rule in tokenizer.rules if len(rule) > 1 and _is_looked_for(rule, tokenizer)]
    if any(letter.isspace() for rule in rules for letter in rule):
        return None
    names = ("prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")
    without_rules = Tokenizer(tokenizer.vocab, **{name: getattr(tokenizer, name) for name in names})
    read = ([token.text for token in without_rules(rule)] for rule in rules)
    return frozenset(pair for tokens in read for pair in pairwise(tokens))


def _is_looked_for(rule: str, tokenizer: Tokenizer) -> bool:
    """Tell what ``Tokenizer.add_special_case`` does: the other rules hold for a whole part only."""
    finds = (tokenizer.find_prefix, tokenizer.find_infix, tokenizer.find_suffix)
    return not tokenizer.faster_heuristics or " " in rule or any(find(rule) for find in finds)
