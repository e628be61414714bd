"""Training of the network of lines: forward with dropout, backward, and Adam; numpy alone, the same on every run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.extract.clean.model.network import POOLED_AT, REACHES, Matrix, around, embedded, fresh, relu, sigmoid

EPOCHS, BATCH = 8, 12
RATE, WARM_UP, DECAY = 3e-3, 50, 0.3  # learning rate, steps until it is reached, weight decay
DROP_INPUT, DROP_WORDS, DROP_HIDDEN = 0.1, 0.6, 0.25
_GAP = 16  # empty lines between the texts of a batch: further than any convolution reaches
_FAST, _SLOW, _TINY = 0.9, 0.99, 1e-8
_DECAYED = ("words", "enter", "look", "whole", "out")

Weights = dict[str, Matrix]


@dataclass(frozen=True)
class Example:
    """A text: normalised rows, the places and lines of its known words, and what each line is and weighs."""

    rows: Matrix
    index: Any
    lines: Any
    labels: Matrix
    weights: Matrix


@dataclass(frozen=True)
class Batch:
    """Some texts one below the other, with gaps; ``real`` is 1 where a line stands and 0 in the gaps."""

    example: Example
    real: Matrix
    spans: tuple[slice, ...]


def train(
    examples: Sequence[Example], vocabulary: int, *, seed: int, report: Callable[[int, float], None]
) -> dict[str, Matrix]:
    """Return trained weights; ``report`` is told each epoch and its loss."""
    random = np.random.default_rng(seed)
    weights = fresh(vocabulary, random)
    adam = _Adam(weights)
    steps = EPOCHS * -(-len(examples) // BATCH)
    step = 0
    for epoch in range(EPOCHS):
        losses = []
        for batch in _batches(examples, random):
            loss, slopes = slopes_of(weights, batch, random)
            rate = RATE * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
            adam.step(weights, slopes, rate)
            losses.append(loss)
            step += 1
        report(epoch + 1, float(np.mean(losses)))
    return weights


def _batches(examples: Sequence[Example], random: np.random.Generator) -> Iterator[Batch]:
    order = random.permutation(len(examples))
    for start in range(0, len(order), BATCH):
        yield stacked([examples[at] for at in order[start : start + BATCH]])


def stacked(examples: Sequence[Example]) -> Batch:
    starts = np.cumsum([0, *(len(example.rows) + _GAP for example in examples)])
    height = int(starts[-1])
    rows = np.zeros((height, examples[0].rows.shape[1]), np.float32)
    labels, weights, real = (np.zeros(height, np.float32) for _ in range(3))
    spans = tuple(
        slice(int(start), int(start) + len(example.rows)) for start, example in zip(starts, examples, strict=False)
    )
    for span, example in zip(spans, examples, strict=True):
        rows[span], labels[span], weights[span], real[span] = example.rows, example.labels, example.weights, 1
    index = np.concatenate([example.index for example in examples])
    lines = np.concatenate([example.lines + span.start for example, span in zip(examples, spans, strict=True)])
    return Batch(Example(rows, index, lines, labels, weights / weights.sum()), real[:, None], spans)


def _kept(random: np.random.Generator, shape: tuple[int, ...], drop: float) -> Matrix:
    return ((random.random(shape, dtype=np.float32) >= drop) / (1 - drop)).astype(np.float32)


def slopes_of(weights: Weights, batch: Batch, random: np.random.Generator) -> tuple[float, Weights]:
    """Return the loss of a batch and its slope by each weight."""
    data, real = batch.example, batch.real
    words = embedded(weights["words"], data.index, data.lines, len(data.rows))
    mask = np.hstack((_kept(random, data.rows.shape, DROP_INPUT), np.repeat(
        _kept(random, (len(data.rows), 1), DROP_WORDS), words.shape[1], axis=1)))  # fmt: skip
    entered: Matrix = np.hstack((data.rows, words)) * mask
    first = relu((entered @ weights["enter"] + weights["enter_b"]) * real)
    hidden: Matrix = first
    passed: list[Any] = []
    means = np.zeros((len(batch.spans), first.shape[1]), np.float32)
    for layer, reach in enumerate(REACHES):
        if layer == POOLED_AT:
            means = np.stack([hidden[span].mean(0) for span in batch.spans])
            hidden = hidden.copy()
            for span, told in zip(batch.spans, means @ weights["whole"], strict=True):
                hidden[span] += told
        seen = around(hidden, reach)
        active = relu((seen @ weights["look"][layer] + weights["look_b"][layer]) * real)
        drop = _kept(random, active.shape, DROP_HIDDEN)
        passed.append((seen, (active > 0) * drop))
        hidden = hidden + active * drop
    found = sigmoid(hidden @ weights["out"] + weights["out_b"])
    right = data.labels * np.log(found + 1e-7) + (1 - data.labels) * np.log(1 - found + 1e-7)
    error = (data.weights * (found - data.labels)).astype(np.float32)
    slopes = {"out": hidden.T @ error, "out_b": error.sum()}
    back = error[:, None] * weights["out"]
    back = _back_through(weights, batch, passed, means, back, slopes)
    back = back * (first > 0)
    slopes |= {"enter": entered.T @ back, "enter_b": back.sum(0)}
    to_words = (back @ weights["enter"].T * mask)[:, data.rows.shape[1] :]
    counts = np.maximum(np.bincount(data.lines, minlength=len(data.rows)), 1)
    slopes["words"] = np.zeros_like(weights["words"])
    np.add.at(slopes["words"], data.index, (to_words / np.sqrt(counts)[:, None])[data.lines])
    return -float((data.weights * right).sum()), slopes


def _back_through(
    weights: Weights, batch: Batch, passed: list[Any], means: Matrix, back: Matrix, slopes: Weights
) -> Matrix:
    """Return the slopes by what entered the convolutions; those by their weights are added to ``slopes``."""
    looks, biases = np.zeros_like(weights["look"]), np.zeros_like(weights["look_b"])
    width = back.shape[1]
    for layer in reversed(range(len(REACHES))):
        seen, gate = passed[layer]
        inner = back * gate
        looks[layer], biases[layer] = seen.T @ inner, inner.sum(0)
        spread, reach = inner @ weights["look"][layer].T, REACHES[layer]
        back = back + spread[:, width : 2 * width]
        back[:-reach] += spread[reach:, :width]
        back[reach:] += spread[:-reach, 2 * width :]
        back = back * batch.real
        if layer == POOLED_AT:
            sums = np.stack([back[span].sum(0) for span in batch.spans])
            slopes["whole"] = means.T @ sums
            for span, told in zip(batch.spans, sums @ weights["whole"].T, strict=True):
                back[span] += told / (span.stop - span.start)
    slopes |= {"look": looks, "look_b": biases}
    return back


class _Adam:
    def __init__(self, weights: Weights) -> None:
        self._first = {name: np.zeros_like(value) for name, value in weights.items()}
        self._second = {name: np.zeros_like(value) for name, value in weights.items()}
        self._steps = 0

    def step(self, weights: Weights, slopes: Weights, rate: float) -> None:
        self._steps += 1
        for name, slope in slopes.items():
            self._first[name] = _FAST * self._first[name] + (1 - _FAST) * slope
            self._second[name] = _SLOW * self._second[name] + (1 - _SLOW) * slope * slope
            mean = self._first[name] / (1 - _FAST**self._steps)
            spread = np.sqrt(self._second[name] / (1 - _SLOW**self._steps)) + _TINY
            decay = DECAY * weights[name] if name in _DECAYED else 0.0
            weights[name] = (weights[name] - rate * (mean / spread + decay)).astype(np.float32)
