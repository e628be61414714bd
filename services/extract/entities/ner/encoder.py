"""The encoder in front of spaCy's entity parser, computed in numpy: the same weights, a fraction of the time.

The convolutions work on one text at a time, features by tokens: it fits the processor's caches, every pass runs over
long rows, and what is found in a text never depends on its neighbours in a batch.
"""

from collections.abc import Iterator

import numpy as np
from thinc.api import Model

from services.extract.entities.ner.word_table import CAPACITY, PRODUCTS, Convolution, Floats, Numbers, WordTable

_TINY = np.float32(1e-8)  # what thinc adds to a variance
_EMBED = ["extract_features", "list2ragged", "with_array", "with_array", "ragged2list"]


class UnknownLayout(Exception):  # noqa: N818 - a state of the model
    """The model is not built as the encoder expects; the message says where."""


class Encoder:
    """Stands in for ``tok2vec`` of a parser: rows of words to one row for each token; raises UnknownLayout."""

    def __init__(self, tok2vec: Model, capacity: int = CAPACITY, with_products: int = PRODUCTS) -> None:
        self._embed, encode, linear = _parts(tok2vec)
        self._first, *self._layers = _convolutions(encode)
        self._weights: Floats = linear.get_param("W").T
        self._bias: Floats = linear.get_param("b")
        self.words = self.table(capacity, with_products)

    def table(self, capacity: int, with_products: int = 0) -> WordTable:
        """Return an empty table of words for this encoder."""
        return WordTable(self._embed, self._first, capacity, with_products)

    def __call__(self, rows: Numbers, words: WordTable | None = None) -> Floats:
        """Return (tokens, width of the parser) for one text; the table of its words is our own by default."""
        words = words or self.words
        tokens, depth = len(rows), 1 + len(self._layers)  # a token sees so many neighbours on each side
        padded = np.zeros(tokens + 2 * depth + 2, np.int64)  # beyond the text there are zeros
        padded[depth + 1 : depth + 1 + tokens] = rows
        states = np.ascontiguousarray(words.embeddings(padded).T)
        states[:, 1:-1] += _normalised(np.ascontiguousarray(words.convolved(padded).T), self._first)
        width = len(states)
        window = np.ones((3 * width + 1, tokens + 2 * depth), np.float32)
        for layer in self._layers:
            window[:width] = states[:, :-2]
            window[width : 2 * width] = states[:, 1:-1]
            window[2 * width : -1] = states[:, 2:]
            states[:, 1:-1] += _normalised(maxout(layer.weights @ window, layer.pieces), layer)
        encoded: Floats = states[:, depth + 1 : depth + 1 + tokens].T @ self._weights + self._bias
        return encoded


def maxout(candidates: Floats, pieces: int) -> Floats:
    """Return the largest of each output's candidates, which stand piece after piece; in place."""
    first, *others = np.split(candidates, pieces)
    for other in others:
        np.maximum(first, other, out=first)
    return first


def _normalised(values: Floats, layer: Convolution) -> Floats:
    """Return values of (width, tokens) normalised for each token, in place."""
    mean = np.full((1, len(values)), 1 / len(values), np.float32)
    values -= mean @ values
    values *= 1 / np.sqrt(mean @ (values * values) + _TINY)
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
    if len(maxouts) != len(norms) or not maxouts:
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
