"""The model of lines: examples from a pack, folds by publisher, and the file of weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np

from services.extract.clean.facts import describe
from services.extract.clean.lines import Line, split
from services.extract.clean.model import features
from services.extract.clean.model.network import VERSION, Network, known, load, normal
from wireroom.training.alignment import align
from wireroom.training.gradients import Example, train

FIELDS = ("raw_text", "full_text")
FOLDS = 5
_PUBLISHERS = 8  # a word is known to the model if so many have used it
_CROPS = 2  # further examples of each article: a part of its page, with less around it
_LOST = 0.2  # of the body's lines are left out of a crop
_STILL = 1e-2  # added to the spread of each number, so that one that never changes divides by no zero


@dataclass(frozen=True)
class Text:
    """Lines of one publisher, described, and which of them belong to the article."""

    publisher: str
    dense: Any
    buckets: list[list[int]]
    words: list[int]
    labels: list[int]


def fold_of(publisher: str) -> int:
    """Return the fold a publisher is held out in; all its articles are in it."""
    return int.from_bytes(sha256(publisher.encode()).digest()[:8]) % FOLDS


def texts(records: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """Yield the texts of a pack: each field as it is, with its title where it has one, and crops."""
    random = np.random.default_rng(0)
    for record in records:
        for field in FIELDS:
            if body := record.get(field):
                lines = split(body)
                labels = align([line.text for line in lines], record["expected_paragraphs"])
                yield from _variants(record, lines, labels, random)


def _variants(
    record: Mapping[str, Any], lines: Sequence[Line], labels: Sequence[int], random: np.random.Generator
) -> Iterator[Text]:
    if not lines:
        return
    yield _text(record["publisher"], lines, labels, None)
    if title := record.get("title"):
        yield _text(record["publisher"], lines, labels, title)
    body = np.flatnonzero(labels)
    for _ in range(_CROPS if len(body) else 0):
        begin, end = int(random.integers(0, body[0] + 1)), int(random.integers(body[-1] + 1, len(lines) + 1))
        sparse = float(random.choice([0, 0.2, 0.5]))
        kept = [at for at in range(begin, end) if random.random() >= (_LOST * (sparse > 0) if labels[at] else sparse)]
        if kept:
            yield _text(record["publisher"], [lines[at] for at in kept], [labels[at] for at in kept], None)


def _text(publisher: str, lines: Sequence[Line], labels: Sequence[int], title: str | None) -> Text:
    facts = describe(lines, title)
    dense, buckets = features.dense(facts, title), features.buckets(facts)
    return Text(publisher, dense, buckets, [line.words for line in facts], list(labels))


def fit(found: Sequence[Text], *, seed: int, report: Callable[[int, float], None]) -> bytes:
    """Return the file of weights that the texts train; the same texts and seed make the same file."""
    users: dict[int, set[str]] = {}
    for text in found:
        for bucket in {bucket for line in text.buckets for bucket in line}:
            users.setdefault(bucket, set()).add(text.publisher)
    vocabulary = np.array(sorted(bucket for bucket, by in users.items() if len(by) >= _PUBLISHERS), dtype=np.int64)
    every = np.vstack([text.dense for text in found])
    mean, scale = every.mean(0), every.std(0) + np.float32(_STILL)
    examples = [_example(text, vocabulary, mean, scale) for text in found]
    weights = train(examples, len(vocabulary), seed=seed, report=report)
    file = BytesIO()
    np.savez_compressed(
        file,
        allow_pickle=False,
        version=np.array(VERSION),
        buckets=vocabulary.astype(np.uint32),
        mean=mean,
        scale=scale,
        **{name: value.astype(np.float16) for name, value in weights.items()},
    )
    return file.getvalue()


def _example(text: Text, vocabulary: Any, mean: Any, scale: Any) -> Example:  # noqa: ANN401 - numpy's arrays
    index, lines = known(vocabulary, text.buckets)
    weights = np.sqrt(np.array(text.words, dtype=np.float32) + 2)
    weights *= np.sqrt(len(weights)) / weights.sum()  # a long text counts for more than a short one, but not in full
    return Example(
        normal(text.dense, mean, scale), index, lines, np.array(text.labels, dtype=np.float32), weights
    )  # fmt: skip


def held_out(
    records: Sequence[Mapping[str, Any]], *, seed: int, report: Callable[[int, float], None]
) -> Iterator[tuple[Network, list[Mapping[str, Any]]]]:
    """Yield for each fold a network trained on the other publishers, and the articles it has never seen."""
    found = list(texts(records))
    for fold in range(FOLDS):
        seen = [text for text in found if fold_of(text.publisher) != fold]
        network = load(fit(seen, seed=seed, report=report))
        yield network, [record for record in records if fold_of(record["publisher"]) == fold]
