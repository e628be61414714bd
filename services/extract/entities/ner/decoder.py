"""What spaCy's entity parser does with the rows of its encoder, in numpy: the same moves, found for all tokens at once.

Outside of a name the parser's scores depend on one token alone, and inside of it on the name's first token, the last
and this one: so what comes outside is known for every token before any is read, and all names are followed together.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model

from services.extract.entities.ner.encoder import UnknownLayout, maxout
from services.extract.entities.ner.word_table import Floats, Numbers

Found = tuple[int, int, str]  # tokens, the end exclusive, and the label

_FOLLOWED = 16  # tokens of a name that may begin somewhere; what is longer is followed only where one does begin
_OUT, _UNIT, _BEGIN = 0, 1, 2  # kinds of moves outside of a name
_FEATURES, _PIECES = 3, 2
_LAYERS = ["precomputable_affine", "linear"]


class Texts(NamedTuple):
    """Several texts as one: where each begins, which is its last token, for every token; and which are white space."""

    starts: Numbers
    last: Numbers
    space: NDArray[np.bool_]


def texts_of(lengths: Sequence[int], space: NDArray[np.bool_]) -> Texts:
    ends = np.cumsum(lengths, dtype=np.int64)
    return Texts(ends - lengths, np.repeat(ends - 1, lengths), space)


class Hidden:
    """The hidden layer: a sum over three tokens, and of each two pieces the larger. Sums are in spaCy's own order."""

    def __init__(self, lower: Model) -> None:
        weights: Floats = lower.get_param("W")  # (this token, the name's first, the one before; width; pieces; inputs)
        features = weights.transpose(0, 2, 1, 3)
        self._pieces = features.shape[1]
        self._this, self._first, self._before = (part.reshape(-1, part.shape[-1]).T for part in features)
        _, self._no_first, self._none_before = (part.T.reshape(-1) for part in lower.get_param("pad")[0])
        self._bias: Floats = lower.get_param("b").T.reshape(-1)

    def of_this(self, rows: Floats) -> Floats:
        part: Floats = rows @ self._this
        return part

    def of_first(self, rows: Floats) -> Floats:
        part: Floats = rows @ self._first
        return part

    def __call__(self, here: Floats, firsts: Floats | None = None, before: Floats | None = None) -> Floats:
        """Return (tokens, width): inside of a name with its first token and the row of the one before, else without."""
        total = here + (self._no_first if firsts is None else firsts)
        total += self._none_before if before is None else before @ self._before
        total += self._bias
        return maxout(total.T, self._pieces).T


class Outside:
    """The best move at a token that is in no name."""

    def __init__(self, upper: Model, names: list[str]) -> None:
        kinds = {"O": _OUT, "B": _BEGIN, "U": _UNIT}
        moves = [move for move, name in enumerate(names) if name[0] in kinds and (name == "O" or name[2:])]
        self._moves = np.array(moves)
        self._kinds = np.array([kinds[names[move][0]] for move in moves])
        self._weights: Floats = upper.get_param("W")[moves].T
        self._bias: Floats = upper.get_param("b")[moves]

    def __call__(self, hidden: Floats, texts: Texts) -> tuple[Numbers, Numbers]:
        """Return for each token the kind of its move, and the move: no name begins on space or at the last token."""
        scores = hidden @ self._weights
        scores += self._bias
        scores[np.ix_(texts.space, self._kinds != _OUT)] = -np.inf
        scores[np.ix_(texts.last == np.arange(len(hidden)), self._kinds == _BEGIN)] = -np.inf
        best = scores.argmax(1)
        return self._kinds[best], self._moves[best]


class Inside:
    """Whether a name goes on after a token."""

    def __init__(self, upper: Model, names: list[str]) -> None:
        pairs = [(names.index(f"I-{name[2:]}"), names.index(f"L-{name[2:]}")) if name[2:] else (0, 0) for name in names]
        if any(goes_on > ends for goes_on, ends in pairs):
            raise UnknownLayout("of two moves that score the same it takes the other one")
        weights, bias = upper.get_param("W"), upper.get_param("b")
        goes_on, ends = (list(moves) for moves in zip(*pairs, strict=True))
        self._weights: tuple[Floats, Floats] = weights[goes_on], weights[ends]
        self._bias: tuple[Floats, Floats] = bias[goes_on], bias[ends]

    def __call__(self, hidden: Floats, moves: Numbers) -> NDArray[np.bool_]:
        """Return it for tokens of names that began with these moves."""
        goes_on, ends = (
            np.einsum("ij,ij->i", hidden, weights[moves]) + bias[moves]
            for weights, bias in zip(self._weights, self._bias, strict=True)
        )
        decided: NDArray[np.bool_] = goes_on >= ends
        return decided


def layers(ner: Any) -> tuple[Model, Model]:  # noqa: ANN401 - spaCy has no types here
    """Return the hidden layer and that of the scores; raises UnknownLayout."""
    model = ner.model
    _, *layers = model.layers
    if (names := [layer.name for layer in layers]) != _LAYERS or not model.attrs["has_upper"]:
        raise UnknownLayout(f"its parser is made of {names}")
    lower, upper = layers
    features, pieces = lower.get_dim("nF"), lower.get_dim("nP")
    if features != _FEATURES or pieces < _PIECES:
        raise UnknownLayout(f"its parser looks at {features} tokens, with {pieces} pieces")
    if model.attrs["unseen_classes"] or ner.cfg["beam_width"] != 1:
        raise UnknownLayout("its parser searches with a beam, or has moves it never saw")
    return lower, upper


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
        units, begins = np.flatnonzero(kinds == _UNIT), np.flatnonzero(kinds == _BEGIN)
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
