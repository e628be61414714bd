"""Training of one member of a network: forward with dropout, backward, and Adam; numpy alone, the same on every run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from services.extract.clean.classifier.network import (
    POOLED_AT,
    REACHES,
    SORTS,
    Integers,
    Matrix,
    Size,
    Words,
    around,
    embedded,
    fresh,
    relu,
    sigmoid,
)

_GAP = max(REACHES)  # empty lines between the texts of a batch: as far as any convolution reaches
_FAST, _SLOW, _TINY = 0.9, 0.99, 1e-8
_DECAYED = (*(f"{sort}_words" for sort in SORTS), "enter", "look", "whole", "out")

Weights = dict[str, Matrix]


@dataclass(frozen=True)
class Plan:
    """How a network is trained, and how large it becomes."""

    members: int = 3
    publishers: int = 12  # a word is known to the network if so many have used it
    embedded: int = 16
    hidden: int = 32
    epochs: int = 8
    batch: int = 12  # texts
    rate: float = 3e-3  # of learning: reached after
    warm_up: int = 50  # steps, then falling to 0 along a cosine
    decay: float = 0.3  # of the weights
    drop_input: float = 0.1  # of the numbers of a row,
    drop_words: tuple[float, ...] = (0.6, 0.6)  # of the lines' words, for each sort,
    drop_each: float = 0.0  # of single words,
    drop_hidden: float = 0.25  # and of what each convolution adds


@dataclass(frozen=True)
class Example:
    """A text: normalised rows, the known words of its lines by sort, and what each line is and weighs."""

    rows: Matrix
    words: tuple[Words, ...]
    labels: Matrix
    weights: Matrix


@dataclass(frozen=True)
class Batch:
    """Some texts one below the other, with gaps; ``real`` is 1 where a line stands and 0 in the gaps."""

    example: Example
    real: Matrix
    spans: tuple[slice, ...]


def train(
    examples: Sequence[Example], known: tuple[int, ...], plan: Plan, *, seed: int, report: Callable[[int, float], None]
) -> Weights:
    """Return the trained weights of one member; ``report`` is told each epoch and its loss."""
    random = np.random.default_rng(seed)
    weights = fresh(Size(examples[0].rows.shape[1], plan.embedded, plan.hidden, known), random)
    adam = _Adam(weights, plan.decay)
    steps = plan.epochs * -(-len(examples) // plan.batch)
    step = 0
    for epoch in range(plan.epochs):
        losses = []
        for batch in _batches(examples, plan.batch, random):
            loss, slopes = slopes_of(weights, batch, plan, random)
            rate = plan.rate * min(1, (step + 1) / plan.warm_up) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
            adam.step(weights, slopes, rate)
            losses.append(loss)
            step += 1
        report(epoch + 1, float(np.mean(losses)))
    return weights


def _batches(examples: Sequence[Example], size: int, random: np.random.Generator) -> Iterator[Batch]:
    order = random.permutation(len(examples))
    for start in range(0, len(order), size):
        yield stacked([examples[at] for at in order[start : start + size]])


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
    words = tuple(
        Words(
            np.concatenate([example.words[sort].places for example in examples]),
            np.concatenate(
                [example.words[sort].lines + span.start for example, span in zip(examples, spans, strict=True)]
            ),
        )
        for sort in range(len(SORTS))
    )
    return Batch(Example(rows, words, labels, weights / weights.sum()), real[:, None], spans)


def _kept(random: np.random.Generator, shape: tuple[int, ...], drop: float) -> Matrix:
    """Return 0 for what is dropped, in steps of 1/256, and for the rest what makes up for it."""
    if not drop:
        return np.ones(shape, np.float32)
    least = round(drop * 256)
    drawn = np.frombuffer(random.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
    return (drawn >= least) * np.float32(256 / (256 - least))


def slopes_of(weights: Weights, batch: Batch, plan: Plan, random: np.random.Generator) -> tuple[float, Weights]:
    """Return the loss of a batch and its slope by each weight."""
    data, real = batch.example, batch.real
    thinned = tuple(_thinned(words, plan.drop_each, random) for words in data.words)
    data = replace(data, words=thinned)
    entered, mask = _entered(weights, data, plan, random)
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
        drop = _kept(random, active.shape, plan.drop_hidden)
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
    _back_to_words(weights, data, back, mask, slopes)
    return -float((data.weights * right).sum()), slopes


def _thinned(words: Words, drop: float, random: np.random.Generator) -> Words:
    kept = random.random(len(words.places)) >= drop
    return Words(words.places[kept], words.lines[kept]) if drop else words


def _entered(weights: Weights, data: Example, plan: Plan, random: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Return what enters the network, with some of it dropped, and by what each number was multiplied."""
    height = len(data.rows)
    parts, masks = [data.rows], [_kept(random, data.rows.shape, plan.drop_input)]
    for sort, words, drop in zip(SORTS, data.words, plan.drop_words, strict=True):
        parts.append(embedded(weights[f"{sort}_words"], words, height))
        masks.append(np.repeat(_kept(random, (height, 1), drop), parts[-1].shape[1], axis=1))
    mask = np.hstack(masks)
    return np.hstack(parts) * mask, mask


def _back_to_words(weights: Weights, data: Example, back: Matrix, mask: Matrix, slopes: Weights) -> None:
    start = data.rows.shape[1]
    for sort, words in zip(SORTS, data.words, strict=True):
        table = weights[f"{sort}_words"]
        end = start + table.shape[1]
        slope = back @ weights["enter"][start:end].T * mask[:, start:end]
        slope /= np.sqrt(np.maximum(np.bincount(words.lines, minlength=len(data.rows)), 1))[:, None].astype(np.float32)
        slopes[f"{sort}_words"] = _sums(slope, words, len(table))
        start = end


def _sums(rows: Matrix, words: Words, count: int) -> Matrix:
    """Return for each word of the vocabulary the sum of the rows of the lines that have it."""
    total = np.zeros((count, rows.shape[1]), np.float32)
    order: Integers = np.argsort(words.places, kind="stable")
    places = words.places[order]
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    if len(starts):
        total[places[starts]] = np.add.reduceat(rows[words.lines[order]], starts)
    return total


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
    def __init__(self, weights: Weights, decay: float) -> None:
        self._first = {name: np.zeros_like(value) for name, value in weights.items()}
        self._second = {name: np.zeros_like(value) for name, value in weights.items()}
        self._steps, self._decay = 0, decay

    def step(self, weights: Weights, slopes: Weights, rate: float) -> None:
        self._steps += 1
        for name, slope in slopes.items():
            self._first[name] = _FAST * self._first[name] + (1 - _FAST) * slope
            self._second[name] = _SLOW * self._second[name] + (1 - _SLOW) * slope * slope
            mean = self._first[name] / (1 - _FAST**self._steps)
            spread = np.sqrt(self._second[name] / (1 - _SLOW**self._steps)) + _TINY
            decay = self._decay * weights[name] if name in _DECAYED else 0.0
            weights[name] = (weights[name] - rate * (mean / spread + decay)).astype(np.float32)
