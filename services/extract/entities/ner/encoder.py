"""The encoder in front of spaCy's entity parser, computed in numpy: the same weights, a fraction of the time.

What a token's embedding depends on is few distinct rows of features, so each is embedded once, by spaCy's own layers.
The convolutions work on one text at a time, features by tokens: it fits the processor's caches, every pass runs over
long rows, and what is found in a text never depends on its neighbours in a batch.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model

CAPACITY = 65_536  # rows, of 384 bytes in the small models: the words of some thousand articles
_TINY = np.float32(1e-8)  # what thinc adds to a variance
_EMBED = ["extract_features", "list2ragged", "with_array", "with_array", "ragged2list"]

Floats = NDArray[np.float32]
Features = NDArray[np.uint64]


class UnknownLayout(Exception):  # noqa: N818 - a state of the model
    """The model is not built as the encoder expects; the message says where."""


class Convolution(NamedTuple):
    """One residual layer over a window of three tokens, of ``pieces`` candidates for each output."""

    weights: Floats  # (pieces * width, 3 * width + 1), the bias last; piece after piece
    scale: Floats  # (width, 1)
    shift: Floats  # (width, 1)
    pieces: int


class Encoder:
    """Stands in for ``tok2vec`` of a parser: documents to one row for each token."""

    def __init__(self, tok2vec: Model, capacity: int = CAPACITY) -> None:
        embed, encode, linear = _parts(tok2vec)
        self.rows = Rows(embed, capacity)
        self._layers = list(_convolutions(encode))
        self._weights: Floats = linear.get_param("W").T
        self._bias: Floats = linear.get_param("b")

    def __call__(self, docs: Sequence[Doc]) -> Floats:
        """Return (tokens of all documents, width of the parser)."""
        rows = self.rows.of(docs)
        ends = np.cumsum([len(doc) for doc in docs])[:-1]
        return np.concatenate([self._encoded(part) for part in np.split(rows, ends)])

    def _encoded(self, rows: Floats) -> Floats:
        tokens, width = rows.shape
        depth = len(self._layers)  # a token sees so many neighbours on each side; beyond the text there are zeros
        states = np.zeros((width, tokens + 2 * depth + 2), np.float32)
        states[:, depth + 1 : depth + 1 + tokens] = rows.T
        window = np.ones((3 * width + 1, tokens + 2 * depth), np.float32)
        for layer in self._layers:
            window[:width] = states[:, :-2]
            window[width : 2 * width] = states[:, 1:-1]
            window[2 * width : -1] = states[:, 2:]
            states[:, 1:-1] += _normalised(maxout(layer.weights @ window, layer.pieces), layer)
        encoded: Floats = states[:, depth + 1 : depth + 1 + tokens].T @ self._weights + self._bias
        return encoded


class Rows:
    """Embeddings by features, at most ``capacity`` of them; a full table is emptied and fills again."""

    def __init__(self, embed: Model, capacity: int) -> None:
        extract, _, concatenate, mix, _ = embed.layers
        self._columns: list[str] = extract.attrs["columns"]
        self._concatenate, self._mix = concatenate, mix
        self._capacity = capacity
        self._table: Floats = np.empty((capacity, embed.get_dim("nO")), np.float32)
        self._places: dict[int, int] = {}
        odd = np.random.default_rng(0).integers(1 << 63, size=len(self._columns), dtype=np.uint64) * 2 + 1
        self._factors: Features = odd.astype(np.uint64)  # 64 bits tell features apart, as they do spaCy's strings

    def __len__(self) -> int:
        return len(self._places)

    def of(self, docs: Sequence[Doc]) -> Floats:
        """Return (tokens of all documents, width of the embedding)."""
        features = np.concatenate([doc.to_array(self._columns).reshape(len(doc), -1) for doc in docs if len(doc)])
        keys, first, inverse = np.unique(features @ self._factors, return_index=True, return_inverse=True)
        if len(keys) > self._capacity:
            return self._embedded(features[first])[inverse]
        rows: Floats = self._table[self._find(keys, features[first])[inverse]]
        return rows

    def _find(self, keys: Features, features: Features) -> NDArray[np.int64]:
        get = self._places.get
        places = np.fromiter((get(key, -1) for key in keys.tolist()), np.int64, len(keys))
        new = np.flatnonzero(places < 0)
        start = len(self._places)
        if not len(new):
            return places
        if start + len(new) > self._capacity:
            self._places.clear()
            return self._find(keys, features)
        places[new] = np.arange(start, start + len(new))
        self._table[places[new]] = self._embedded(features[new])
        self._places.update(zip(keys[new].tolist(), places[new].tolist(), strict=True))
        return places

    def _embedded(self, features: Features) -> Floats:
        rows: Floats = self._mix.predict(self._concatenate.predict(np.ascontiguousarray(features)))
        return rows


def maxout(candidates: Floats, pieces: int) -> Floats:
    """Return the largest of each output's candidates, which stand piece after piece; in place."""
    first, *others = np.split(candidates, pieces)
    for other in others:
        np.maximum(first, other, out=first)
    return first


def _normalised(values: Floats, layer: Convolution) -> Floats:
    """Return values of (width, tokens) normalised for each token, in place."""
    values -= values.mean(0)
    values *= 1 / np.sqrt((values * values).mean(0) + _TINY)
    values *= layer.scale
    values += layer.shift
    return values


def _parts(tok2vec: Model) -> tuple[Model, Model, Model]:
    """Return embed, encode and the linear layer; raises UnknownLayout."""
    match tok2vec.layers:
        case [Model(layers=[embed, encode]), Model(name="list2array"), Model(name="linear") as linear]:
            if (names := [layer.name.partition("(")[0] for layer in embed.layers]) == _EMBED:
                return embed, encode, linear
            raise UnknownLayout(f"its embedding is made of {names}")
    raise UnknownLayout(f"its encoder is {tok2vec.name}")


def _convolutions(encode: Model) -> Iterator[Convolution]:
    """Yield the layers in order; raises UnknownLayout."""
    maxouts, norms = ([node for node in encode.walk() if node.name == name] for name in ("maxout", "layernorm"))
    if len(maxouts) != len(norms):
        raise UnknownLayout(f"its encoder has {len(maxouts)} maxout and {len(norms)} layernorm")
    for maxout, norm in zip(maxouts, norms, strict=True):
        weights: Floats = maxout.get_param("W")
        width, pieces, inputs = weights.shape
        if inputs != 3 * width:
            raise UnknownLayout(f"its encoder has a layer of {inputs} inputs and {width} outputs")
        by_piece = weights.transpose(1, 0, 2).reshape(pieces * width, inputs)
        bias = maxout.get_param("b").T.reshape(-1, 1)
        scale, shift = norm.get_param("G")[:, None], norm.get_param("b")[:, None]
        yield Convolution(np.concatenate([by_piece, bias], axis=1), scale, shift, pieces)
