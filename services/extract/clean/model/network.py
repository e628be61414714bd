"""The network: a few convolutions over the lines, so that each line is judged by what stands around it."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from services.extract.clean.model.features import WIDTH

Matrix = npt.NDArray[np.float32]

VERSION = 1  # of the weights' format and of the features; weights of another version are refused
REACHES = (1, 2, 4, 8)  # lines to either side that each convolution looks at
POOLED_AT = 2  # before this convolution each line learns what the whole text is like
LIMIT = 6.0  # standard deviations; what is further out says no more
EMBEDDED, HIDDEN = 16, 32
_NAMES = ("version", "buckets", "mean", "scale", "words", "enter", "enter_b", "look", "look_b", "whole", "out", "out_b")


class WeightsError(ValueError):
    """The weights cannot be used: damaged, of another version or of other shapes than this code has."""


@dataclass(frozen=True)
class Network:
    """The weights by name, and the sorted buckets whose words are known."""

    weights: Mapping[str, Matrix]
    buckets: npt.NDArray[np.int64]

    def judge(self, dense: Matrix, buckets: Sequence[Sequence[int]]) -> list[float]:
        """Return a probability for each line, from its row of numbers and the buckets of its words."""
        if not len(dense):
            return []
        weights = self.weights
        rows = np.hstack((normal(dense, weights["mean"], weights["scale"]), self._embedded(buckets)))
        hidden = relu(rows @ weights["enter"] + weights["enter_b"])
        for layer, reach in enumerate(REACHES):
            if layer == POOLED_AT:
                hidden = hidden + hidden.mean(0) @ weights["whole"]
            hidden = hidden + relu(around(hidden, reach) @ weights["look"][layer] + weights["look_b"][layer])
        found: list[float] = sigmoid(hidden @ weights["out"] + weights["out_b"]).tolist()
        return found

    def _embedded(self, buckets: Sequence[Sequence[int]]) -> Matrix:
        """Return for each line the sum of what its known words are worth, over the root of how many they are."""
        index, rows = known(self.buckets, buckets)
        return embedded(self.weights["words"], index, rows, len(buckets))


def known(vocabulary: npt.NDArray[np.int64], buckets: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Return the places in the vocabulary of all known buckets, and the line of each."""
    every = np.array([bucket for line in buckets for bucket in line], dtype=np.int64)
    rows = np.repeat(np.arange(len(buckets)), [len(line) for line in buckets])
    places = np.minimum(np.searchsorted(vocabulary, every), len(vocabulary) - 1)
    here = vocabulary[places] == every
    return places[here], rows[here]


def embedded(words: Matrix, index: Any, rows: Any, lines: int) -> Matrix:  # noqa: ANN401 - integer arrays
    """Return the scaled sum of the words' vectors for each line."""
    total = np.zeros((lines, words.shape[1]), np.float32)
    np.add.at(total, rows, words[index])
    counts = np.bincount(rows, minlength=lines)
    total /= np.sqrt(np.maximum(counts, 1))[:, None]
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
    before, after = np.zeros_like(hidden), np.zeros_like(hidden)
    before[reach:], after[:-reach] = hidden[:-reach], hidden[reach:]
    return np.hstack((before, hidden, after))


@cache
def shipped() -> Network:
    """Return the network that comes with the package, read once in a process."""
    return load((resources.files(__package__) / "weights.npz").read_bytes())


def load(data: bytes) -> Network:
    """Read weights; nothing in them is run. Raise ``WeightsError`` for what this code cannot use."""
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
    _check_shapes(arrays)
    weights = {name: arrays[name].astype(np.float32) for name in _NAMES[2:]}
    return Network(weights, arrays["buckets"].astype(np.int64))


def _check_shapes(arrays: Mapping[str, Any]) -> None:
    expected = {name: array.shape for name, array in fresh(len(arrays["buckets"]), np.random.default_rng(0)).items()}
    for name, shape in (expected | {"mean": (WIDTH,), "scale": (WIDTH,)}).items():
        if arrays[name].shape != shape:
            raise WeightsError(f"{name} has the shape {arrays[name].shape}, this code needs {shape}")
        if not np.isfinite(arrays[name]).all():
            raise WeightsError(f"{name} holds what is no number")


def fresh(vocabulary: int, random: np.random.Generator) -> dict[str, Matrix]:
    """Return weights before training; their shapes are those of every version of this format."""

    def drawn(*shape: int, gain: float) -> Matrix:
        return np.asarray(random.standard_normal(shape) * gain * np.sqrt(2 / shape[-2]), np.float32)

    layers = len(REACHES)
    return {
        "words": (random.standard_normal((vocabulary, EMBEDDED)) * 0.05).astype(np.float32),
        "enter": drawn(WIDTH + EMBEDDED, HIDDEN, gain=1.0),
        "enter_b": np.zeros(HIDDEN, np.float32),
        "look": drawn(layers, 3 * HIDDEN, HIDDEN, gain=0.5),
        "look_b": np.zeros((layers, HIDDEN), np.float32),
        "whole": drawn(HIDDEN, HIDDEN, gain=0.3),
        "out": drawn(HIDDEN, 1, gain=0.5)[:, 0],
        "out_b": np.zeros((), np.float32),
    }
