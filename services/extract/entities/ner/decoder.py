"""What spaCy's entity parser does with the rows of its encoder, in numpy: the same moves, found for all tokens at once.

Outside of a name the parser's scores depend on one token alone, and inside of it on the name's first token, the last
and this one: so what comes outside is known for every token before any is read, and all names are followed together.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from services.extract.entities.ner.transition_scores import BEGIN, UNIT, Hidden, Inside, Outside, Texts, layers
from services.extract.entities.ner.word_table import Floats, Numbers

_FOLLOWED = 16  # tokens of a name that may begin somewhere; what is longer is followed only where one does begin

Found = tuple[int, int, str]  # tokens, the end exclusive, and the label


class Decoder:
    """Stands in for the moves of ``ner``, for texts in which nothing is annotated; raises UnknownLayout."""

    def __init__(self, ner: Any) -> None:  # noqa: ANN401 - spaCy has no types here
        lower, upper = layers(ner)
        names = [ner.moves.get_class_name(move) for move in range(ner.moves.n_moves)]
        self._hidden = Hidden(lower)
        self._outside = Outside(upper, names)
        self._inside = Inside(upper, names)
        self._labels = [name[2:] for name in names]

    def __call__(self, rows: Floats, texts: Texts) -> list[list[Found]]:
        """Return what is found in each text, in order; ``rows`` are those of all tokens."""
        here = self._hidden.of_this(rows)
        kinds, moves = self._outside(self._hidden(here), texts)
        known = Known(rows, here, moves, texts.last)
        units, begins = np.flatnonzero(kinds == UNIT), np.flatnonzero(kinds == BEGIN)
        ends = np.zeros(len(rows), np.int64)
        ends[units] = units + 1
        ends[begins] = self._follow(begins, known, _FOLLOWED)
        found: list[list[Found]] = [[] for _ in texts.starts]
        for start, end in self._read(np.flatnonzero(kinds), ends, known):
            text = int(np.searchsorted(texts.starts, start, "right")) - 1
            first = int(texts.starts[text])
            found[text].append((start - first, end - first, self._labels[moves[start]]))
        return found

    def _read(self, candidates: Numbers, ends: Numbers, known: "Known") -> Iterator[tuple[int, int]]:
        """Yield the names as they are read from left to right: what begins inside of another is none."""
        free = 0
        for start in candidates.tolist():
            if start >= free:
                free = int(ends[start]) or int(self._follow(np.array([start]), known, len(ends))[0])
                yield start, free

    def _follow(self, begins: Numbers, known: "Known", most: int) -> Numbers:
        """Return where the names that begin there end, exclusive; 0 for what goes on after so many tokens."""
        ends = np.zeros(len(begins), np.int64)
        moves, firsts = known.moves[begins], self._hidden.of_first(known.rows[begins])
        open_ = np.arange(len(begins))
        for length in range(1, most + 1):
            if not len(open_):
                break
            tokens = begins[open_] + length
            hidden = self._hidden(known.here[tokens], firsts[open_], known.rows[tokens - 1])
            goes_on = self._inside(hidden, moves[open_]) & (tokens != known.last[tokens])
            ends[open_[~goes_on]] = tokens[~goes_on] + 1
            open_ = open_[goes_on]
        return ends


class Known(NamedTuple):
    """Of every token: its row, its part of the hidden layer, the move it begins with outside, its text's last token."""

    rows: Floats
    here: Floats
    moves: Numbers
    last: Numbers
