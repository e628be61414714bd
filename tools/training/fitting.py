"""Fits a classifier and writes its weights as .npz; cross-validation in folds by publisher."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np

from services.extract.clean.classifier.network import (
    SORTS,
    VERSION,
    Buckets,
    Integers,
    Matrix,
    Network,
    known,
    load,
    normal,
)
from tools.training.gradients import Example, Plan, train

FOLDS = 5
_STILL = 0.01  # standard deviation; what varies less differed in one line of 10,000 at most, and is muted
_ADDED = 0.01  # to the deviation of the others: a rare flag is no more than clearly set
_MUTED = 1e6  # its scale: whatever it is elsewhere, hardly anything of it reaches the network

Report = Callable[[int, float], None]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """Lines of one publisher: rows of numbers, buckets of words by sort, words, and which belong to the article."""

    publisher: str
    dense: Matrix
    buckets: tuple[Buckets, ...]
    words: Sequence[int]
    labels: Sequence[int]
    other: str | None = None  # publisher, of whom some of the lines are
    learner: int | None = None  # the member of the network that alone learns from it


def fold_of(publisher: str, parting: int = 0) -> int:
    """Return the fold a publisher is held out in; all its articles are in it. Each parting is another such choice."""
    name = f"{publisher} {parting}" if parting else publisher
    return int.from_bytes(sha256(name.encode()).digest()[:8]) % FOLDS


def fit(found: Sequence[Text], plan: Plan, *, seed: int, report: Report) -> bytes:
    """Return the file of weights that the texts train; the same texts, plan and seed make the same file."""
    vocabularies = tuple(_vocabulary(found, sort, plan.publishers) for sort in range(len(SORTS)))
    every = np.vstack([text.dense for text in found])
    mean, scale = every.mean(0), spread(every)
    examples = [_example(text, vocabularies, mean, scale) for text in found]
    sizes = tuple(map(len, vocabularies))
    members = []
    for member in range(plan.members):
        taught = [
            example
            for example, text in zip(examples, found, strict=True)
            if text.learner is None or text.learner == member
        ]
        members.append(train(taught, sizes, plan, seed=seed * plan.members + member, report=report))
    file = BytesIO()
    np.savez_compressed(
        file,
        allow_pickle=False,
        version=np.array(VERSION),
        mean=mean,
        scale=scale,
        **{sort: words.astype(np.uint32) for sort, words in zip(SORTS, vocabularies, strict=True)},
        **{name: np.stack([weights[name] for weights in members]).astype(np.float16) for name in members[0]},
    )
    return file.getvalue()


def spread(rows: Matrix) -> Matrix:
    """Return the scale of each feature, shape (features,): its standard deviation, or so much that it is muted."""
    deviation = rows.std(0)
    return np.where(deviation < _STILL, np.float32(_MUTED), deviation + np.float32(_ADDED)).astype(np.float32)


def _vocabulary(found: Sequence[Text], sort: int, publishers: int) -> Integers:
    """Return the sorted buckets that so many publishers have used."""
    users: dict[int, set[str]] = {}
    for text in found:
        if text.other:
            continue  # each of its words is in a text of its own publisher too
        for bucket in {bucket for line in text.buckets[sort] for bucket in line}:
            users.setdefault(bucket, set()).add(text.publisher)
    return np.array(sorted(bucket for bucket, by in users.items() if len(by) >= publishers), dtype=np.int64)


def _example(text: Text, vocabularies: Sequence[Integers], mean: Matrix, scale: Matrix) -> Example:
    weights = np.sqrt(np.array(text.words, dtype=np.float32) + 2)
    weights *= np.sqrt(len(weights)) / weights.sum()  # a long text counts for more than a short one, but not in full
    words = tuple(known(vocabulary, buckets) for vocabulary, buckets in zip(vocabularies, text.buckets, strict=True))
    return Example(normal(text.dense, mean, scale), words, np.array(text.labels, dtype=np.float32), weights)


def held_out(
    records: Sequence[Record], found: Sequence[Text], plan: Plan, *, seed: int, parting: int = 0, report: Report
) -> Iterator[tuple[Network, list[Record]]]:
    """Yield for each fold a network trained on the texts of the other publishers, and the records it has not seen."""
    for seen, unseen in parted(records, found, parting):
        yield load(fit(seen, plan, seed=seed, report=report), seen[0].dense.shape[1]), unseen


def parted(
    records: Sequence[Record], found: Sequence[Text], parting: int = 0
) -> Iterator[tuple[list[Text], list[Record]]]:
    """Yield for each fold the texts in which no line is of its publishers, and the records of those."""
    for fold in range(FOLDS):
        unseen = {record["publisher"] for record in records if fold_of(record["publisher"], parting) == fold}
        seen = [text for text in found if text.publisher not in unseen and text.other not in unseen]
        yield seen, [record for record in records if record["publisher"] in unseen]
