"""The model of lines: examples from a pack of articles as plain text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from services.extract.clean.facts import describe
from services.extract.clean.lines import Line, split
from services.extract.clean.model import features
from wireroom.training.alignment import align
from wireroom.training.fitting import Text
from wireroom.training.gradients import Plan

FIELDS = ("raw_text", "full_text")
PLAN = Plan()
_CROPS = 2  # further examples of each article: a part of its page, with less around it
_LOST = 0.2  # of the body's lines are left out of a crop


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
