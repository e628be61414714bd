"""Bounded table of word embeddings, and of their products with the weights of the first convolution.

A convolution over three tokens is linear before its maxout: the sum of what each of the three words brings. The words
that came first, which are the frequent ones, have these products in the table; for others they are computed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model

CAPACITY = 65_536  # words, 384 bytes each in the small models: those of some thousand articles
PRODUCTS = 8_192  # words with products, 3.5 kB each
_OTHERS = 8_192  # words without that are computed at once, at least 3
_BLOCK = 256  # tokens: their sums fit the processor's caches

Floats = NDArray[np.float32]
Features = NDArray[np.uint64]  # (words, columns)
Numbers = NDArray[np.int64]


class Convolution(NamedTuple):
    """One residual layer over a window of three tokens, of ``pieces`` candidates for each output."""

    weights: Floats  # (pieces * width, 3 * width + 1), the bias last; piece after piece
    scale: Floats  # (width, 1)
    shift: Floats  # (width, 1)
    pieces: int


class TableFull(Exception):  # noqa: N818 - a state of the table
    """There is no room for all the new words."""


class WordTable:
    """Rows of words by their features; row 0 is what stands beyond a text: zeros. Not for two threads."""

    def __init__(
        self, embed: Model, first: Convolution, capacity: int = CAPACITY, with_products: int = PRODUCTS
    ) -> None:
        extract, _, concatenate, mix, _ = embed.layers
        self.columns: list[str] = extract.attrs["columns"]
        self._concatenate, self._mix = concatenate, mix
        self._capacity = capacity
        width = embed.get_dim("nO")
        self._embeddings: Floats = np.zeros((capacity + 1, width), np.float32)
        # what a word brings to the token after it, to its own and to the one before, each (width, pieces * width)
        self._weights = [np.ascontiguousarray(first.weights[:, at : at + width].T) for at in range(0, 3 * width, width)]
        self._bias: Floats = first.weights[:, -1]
        self._scratch = min(with_products, capacity) + 1  # the row of products behind those that are kept
        room = self._scratch + max(min(_OTHERS, capacity), 3)
        self._products: Floats = np.zeros((3, room, len(self._bias)), np.float32)
        self._products[1, 0] = self._bias
        self._rows: dict[int, int] = {}
        self._kept = 0
        odd = np.random.default_rng(0).integers(1 << 63, size=len(self.columns), dtype=np.uint64) * 2 + 1
        self._factors: NDArray[np.uint64] = odd.astype(np.uint64)  # 64 bits tell features apart, as spaCy's strings

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self) -> None:
        """Let ``clear`` leave the words that are here now."""
        self._kept = len(self._rows)

    def clear(self) -> None:
        """Forget every word but those that are kept."""
        while len(self._rows) > self._kept:
            self._rows.popitem()

    def rows(self, features: Features) -> Numbers:
        """Return the row of each word, new ones embedded; raises TableFull."""
        keys, first, inverse = np.unique(features @ self._factors, return_index=True, return_inverse=True)
        rows = np.fromiter((self._rows.get(key, 0) for key in keys.tolist()), np.int64, len(keys))
        new = np.flatnonzero(rows == 0)
        if len(new):
            start = len(self._rows) + 1
            if start + len(new) > self._capacity + 1:
                raise TableFull
            rows[new] = np.arange(start, start + len(new))
            self._embed(features[first[new]], start)
            self._rows.update(zip(keys[new].tolist(), rows[new].tolist(), strict=True))
        return rows[inverse]

    def _embed(self, features: Features, start: int) -> None:
        embeddings: Floats = self._mix.predict(self._concatenate.predict(np.ascontiguousarray(features)))
        self._embeddings[start : start + len(features)] = embeddings
        self._multiply(embeddings[: max(self._scratch - start, 0)], start)

    def _multiply(self, embeddings: Floats, start: int) -> None:
        end = start + len(embeddings)
        for weights, products in zip(self._weights, self._products, strict=True):
            np.matmul(embeddings, weights, out=products[start:end])
        self._products[1, start:end] += self._bias

    def embeddings(self, rows: Numbers) -> Floats:
        """Return (tokens, width)."""
        found: Floats = self._embeddings[rows]
        return found

    def convolved(self, rows: Numbers) -> Floats:
        """Return the first convolution after its maxout, (tokens - 2, width): all but the outer two have neighbours."""
        others = np.flatnonzero(rows >= self._scratch)
        if len(others):
            distinct, which = np.unique(rows[others], return_inverse=True)
            if len(distinct) > self._products.shape[1] - self._scratch:
                middle = len(rows) // 2
                return np.concatenate([self.convolved(rows[: middle + 1]), self.convolved(rows[middle - 1 :])])
            self._multiply(self._embeddings[distinct], self._scratch)
            rows = rows.copy()
            rows[others] = self._scratch + which
        before, here, after = self._products
        width = self._embeddings.shape[1]
        best = np.empty((len(rows) - 2, width), np.float32)
        total, other = np.empty((2, _BLOCK, len(self._bias)), np.float32)
        for start in range(0, len(best), _BLOCK):
            end = min(start + _BLOCK, len(best))
            sums, more = total[: end - start], other[: end - start]
            # clipping, because no row is out of bounds, takes no buffer
            here.take(rows[start + 1 : end + 1], axis=0, out=sums, mode="clip")
            sums += before.take(rows[start:end], axis=0, out=more, mode="clip")
            sums += after.take(rows[start + 2 : end + 2], axis=0, out=more, mode="clip")
            np.copyto(best[start:end], sums[:, :width])
            for piece in range(width, sums.shape[1], width):
                np.maximum(best[start:end], sums[:, piece : piece + width], out=best[start:end])
        return best
