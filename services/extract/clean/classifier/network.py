"""The network: a few convolutions over lines or blocks, so that each is judged by what stands around it.

It is an ensemble: its members differ in the chance and the examples they were trained with, and the logarithms of their
odds are averaged.
What it judges comes as rows of numbers and as buckets of words of two sorts: those at a line's edges and those inside.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from io import BytesIO
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Buckets = Sequence[Sequence[int]]  # for each line those of its words

LINES, PAGES = "lines.npz", "pages.npz"  # weights, which are data: loading them runs nothing
VERSION = 2  # of the weights' format and of all features; weights of another version are refused
SORTS = ("edge", "inside")  # of words
REACHES = (1, 2, 4, 8)  # lines to either side that each convolution looks at
POOLED_AT = 2  # before this convolution each line learns what the whole text is like
LIMIT = 6.0  # standard deviations; what is further out says no more
_DEEP = ("enter", "enter_b", "look", "look_b", "whole", "out", "out_b")
_NAMES = ("version", "mean", "scale", *SORTS, *(f"{sort}_words" for sort in SORTS), *_DEEP)


class WeightsError(ValueError):
    """The weights cannot be used: damaged, of another version or of other shapes than this code has."""


class Size(NamedTuple):
    """How large a network is: numbers in a row, numbers that a word and a line become, and known words of each sort."""

    width: int
    embedded: int
    hidden: int
    known: tuple[int, ...]


class Words(NamedTuple):
    """The known words of one sort: their places in the vocabulary, and the line of each, in order."""

    places: Integers
    lines: Integers


@dataclass(frozen=True)
class Network:
    """The weights by name, those of all members along the first axis, and the sorted buckets of the known words."""

    weights: Mapping[str, Matrix]
    vocabularies: tuple[Integers, ...]

    def judge(self, dense: Matrix, buckets: Sequence[Buckets]) -> list[float]:
        """Return a probability for each line, from its row of numbers and the buckets of its words of each sort."""
        if not len(dense):
            return []
        weights = self.weights
        rows = normal(dense, weights["mean"], weights["scale"])
        width, members = rows.shape[1], len(weights["out"])
        hidden = rows @ weights["enter"][:, :width] + weights["enter_b"][:, None]
        for sort, vocabulary, lines in zip(SORTS, self.vocabularies, buckets, strict=True):
            table = weights[f"{sort}_words"]  # as it was loaded: a word's vectors of all members beside each other
            each = embedded(table, known(vocabulary, lines), len(rows)).reshape(len(rows), members, -1)
            end = width + each.shape[2]
            hidden += each.transpose(1, 0, 2) @ weights["enter"][:, width:end]
            width = end
        hidden = relu(hidden)
        for layer, reach in enumerate(REACHES):
            if layer == POOLED_AT:
                hidden += hidden.mean(1, keepdims=True) @ weights["whole"]
            hidden += relu(around(hidden, reach) @ weights["look"][:, layer] + weights["look_b"][:, layer, None])
        each = (hidden @ weights["out"][:, :, None])[:, :, 0] + weights["out_b"][:, None]
        found: list[float] = sigmoid(each.mean(0)).tolist()
        return found


@dataclass(frozen=True)
class Networks:
    """The network that classifies lines of plain text, and the one that classifies lines of pages."""

    lines: Network
    pages: Network

    @classmethod
    def read(cls, lines_width: int, pages_width: int) -> "Networks":
        """Read the weights that come with the package, for rows of so many numbers."""
        package = resources.files(__package__)
        return cls(load((package / LINES).read_bytes(), lines_width), load((package / PAGES).read_bytes(), pages_width))


def known(vocabulary: Integers, buckets: Buckets) -> Words:
    """Return the words of all lines that the vocabulary has."""
    counts = [len(line) for line in buckets]
    every = np.fromiter(chain.from_iterable(buckets), np.int64, sum(counts))
    lines = np.repeat(np.arange(len(buckets)), counts)
    if not len(vocabulary):
        return Words(every[:0], lines[:0])
    places = np.minimum(np.searchsorted(vocabulary, every), len(vocabulary) - 1)
    here = vocabulary[places] == every
    return Words(places[here], lines[here])


def embedded(table: Matrix, words: Words, lines: int) -> Matrix:
    """Return for each line the sum of what its known words are worth, over the root of how many they are."""
    total = np.zeros((lines, table.shape[1]), np.float32)
    if len(words.lines):
        starts = np.flatnonzero(np.diff(words.lines, prepend=-1))
        counts = np.diff(starts, append=len(words.lines))
        total[words.lines[starts]] = np.add.reduceat(table[words.places], starts) / np.sqrt(counts)[:, None]
    return total


def normal(dense: Matrix, mean: Matrix, scale: Matrix) -> Matrix:
    """Return the numbers in standard deviations from their means."""
    found: Matrix = np.clip((dense - mean) / scale, -LIMIT, LIMIT)
    return found


def relu(values: Matrix) -> Matrix:
    return np.asarray(np.maximum(values, 0), np.float32)


def sigmoid(values: Matrix) -> Matrix:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))), np.float32)


def around(hidden: Matrix, reach: int) -> Matrix:
    """Return for each line the one ``reach`` before it, itself, and the one ``reach`` after it, side by side."""
    width = hidden.shape[-1]
    seen = np.zeros((*hidden.shape[:-1], 3 * width), hidden.dtype)
    seen[..., reach:, :width] = hidden[..., :-reach, :]
    seen[..., width : 2 * width] = hidden
    seen[..., :-reach, 2 * width :] = hidden[..., reach:, :]
    return seen


def load(data: bytes, width: int) -> Network:
    """Read weights for rows of so many numbers; nothing in them is run. Raise ``WeightsError`` for unusable ones."""
    try:
        with np.load(BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise WeightsError(f"these {len(data)} bytes are no weights: {error}") from error
    missing = [name for name in _NAMES if name not in arrays]
    if missing:
        raise WeightsError(f"the weights lack {', '.join(missing)}")
    if arrays["version"].shape != () or int(arrays["version"]) != VERSION:
        raise WeightsError(f"the weights are of version {arrays['version']}, this code reads version {VERSION}")
    _check_shapes(arrays, width)
    weights = {name: arrays[name].astype(np.float32) for name in ("mean", "scale", *_DEEP)}
    for sort in SORTS:
        table = arrays[f"{sort}_words"].astype(np.float32)
        weights[f"{sort}_words"] = np.hstack(list(table))
    return Network(weights, tuple(arrays[sort].astype(np.int64) for sort in SORTS))


def _check_shapes(arrays: Mapping[str, Any], width: int) -> None:
    known = tuple(len(arrays[sort]) for sort in SORTS if arrays[sort].ndim == 1)
    if len(known) != len(SORTS) or arrays["out"].ndim != 2 or arrays[f"{SORTS[0]}_words"].ndim != 3:  # noqa: PLR2004 - with the members
        raise WeightsError("the weights are of another shape than this code reads")
    members, hidden = arrays["out"].shape
    size = Size(width, arrays[f"{SORTS[0]}_words"].shape[-1], hidden, known)
    one = {name: (members, *array.shape) for name, array in fresh(size, np.random.default_rng(0)).items()}
    for name, shape in (one | {"mean": (width,), "scale": (width,)}).items():
        if arrays[name].shape != shape:
            raise WeightsError(f"{name} has the shape {arrays[name].shape}, this code needs {shape}")
        if not np.isfinite(arrays[name]).all():
            raise WeightsError(f"{name} holds what is no number")


def fresh(size: Size, random: np.random.Generator) -> dict[str, Matrix]:
    """Return the weights of one member before training; their shapes are those of every version of this format."""

    def drawn(*shape: int, gain: float) -> Matrix:
        return np.asarray(random.standard_normal(shape) * gain * np.sqrt(2 / shape[-2]), np.float32)

    layers, hidden = len(REACHES), size.hidden
    words = {
        f"{sort}_words": (random.standard_normal((count, size.embedded)) * 0.05).astype(np.float32)
        for sort, count in zip(SORTS, size.known, strict=True)
    }
    return words | {
        "enter": drawn(size.width + len(SORTS) * size.embedded, hidden, gain=1.0),
        "enter_b": np.zeros(hidden, np.float32),
        "look": drawn(layers, 3 * hidden, hidden, gain=0.5),
        "look_b": np.zeros((layers, hidden), np.float32),
        "whole": drawn(hidden, hidden, gain=0.3),
        "out": drawn(hidden, 1, gain=0.5)[:, 0],
        "out_b": np.zeros((), np.float32),
    }
