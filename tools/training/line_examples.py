"""Training examples of the line classifier, from a pack of articles as plain text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from services.extract.clean.classifier import line_features
from services.extract.clean.language import LanguageModel
from services.extract.clean.rules.line_facts import Facts, Rules, describe, is_own_text
from services.extract.clean.text import Line, split
from tools.text_layouts import LAYOUTS, write
from tools.training.alignment import align
from tools.training.fitting import Text
from tools.training.gradients import Plan

FIELDS = ("raw_text", "full_text")
PLAN = Plan(members=2, publishers=30, epochs=12, drop_input=0.2, drop_words=(0.5, 0.5), drop_each=0.4, drop_hidden=0.35)
_CROPS = 2  # further examples of each article: a part of its page, with less around it
_LOST = 0.2  # of the body's lines are left out of a crop
_WARY = 1  # the member that learns also from pages on which another article follows
_SAME_SITE, _BEGINNING, _WITH_FOOT = 0.5, 0.7, 0.4  # how often the other one is of the same site, is cut, goes on
_GAP, _LEAD, _FOOT, _GOES_ON = 8, 4, 15, 8  # lines between, above and below at most, and of a cut one in the mean
_BRIEF, _AROUND = (2, 8), 9  # paragraphs of a brief article, and lines around it, at most 8
_HALF = 0.5
_MORE_LINES, _MORE_WORDS = 8, 0.5  # of prose right below the expected text, beside it: the expected text was cut off
_BREAK = 2  # lines that are no prose may stand in between


@dataclass(frozen=True)
class _Source:
    """A text of the pack: its lines, which of them belong to the article, and where those begin and end."""

    publisher: str
    field: str
    title: str | None
    lines: Sequence[Line]
    labels: Sequence[int]
    body: slice
    language: str
    rules: Rules


def texts(records: Sequence[Mapping[str, Any]], rules: Rules) -> Iterator[Text]:
    """Yield the texts of a pack: as they are, with their titles, crops, transplants, brief and followed ones.

    Articles whose expected text was evidently cut off teach nothing and are left out.
    """
    random, languages = np.random.default_rng(0), LanguageModel()
    sources = [source for record in records for source in _sources(record, rules, languages)]
    for source in sources:
        yield _text(source, source.lines, source.labels, None)
        if source.title:
            yield _text(source, source.lines, source.labels, source.title)
        if any(source.labels):
            yield from _crops(source, random)
            yield from _transplants(source, sources, random)
    random = np.random.default_rng(1)
    for source in sources:
        if any(source.labels) and source.field == FIELDS[0]:
            yield _brief(source, random)
    random = np.random.default_rng(2)
    for source in sources:
        if any(source.labels) and (text := _followed(source, sources, random)):
            yield text


def _sources(record: Mapping[str, Any], rules: Rules, languages: LanguageModel) -> Iterator[_Source]:
    for field in FIELDS:
        lines = split(record.get(field) or "")
        labels = align([line.text for line in lines], record["expected_paragraphs"])
        if field == FIELDS[0] and cut_off(describe(lines, None, rules), labels):
            return
        at = np.flatnonzero(labels)
        body = slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0)
        language = languages.identify(" ".join(record["expected_paragraphs"]), None).language
        if lines:
            yield _Source(record["publisher"], field, record.get("title"), lines, labels, body, language, rules)


def cut_off(facts: Sequence[Facts], labels: Sequence[int]) -> bool:
    """Tell whether the article evidently goes on below what was expected of it."""
    end = max((index for index, label in enumerate(labels) if label), default=len(labels))
    more, other = [], 0
    for line in facts[end + 1 :]:
        other = 0 if is_own_text(line) else other + 1
        if other > _BREAK:
            break
        if not other:
            more.append(line.words)
    body = sum(line.words for line, label in zip(facts, labels, strict=True) if label)
    return len(more) >= _MORE_LINES and sum(more) >= _MORE_WORDS * body


def _crops(source: _Source, random: np.random.Generator) -> Iterator[Text]:
    """Yield parts of a page, with less around the article and sometimes less of it."""
    lines, labels, body = source.lines, source.labels, source.body
    for _ in range(_CROPS):
        begin, end = int(random.integers(0, body.start + 1)), int(random.integers(body.stop, len(lines) + 1))
        sparse = float(random.choice([0, 0.2, 0.5]))
        kept = [at for at in range(begin, end) if random.random() >= (_LOST * (sparse > 0) if labels[at] else sparse)]
        if kept:
            yield _text(source, [lines[at] for at in kept], [labels[at] for at in kept], None)


def _transplants(source: _Source, sources: Sequence[_Source], random: np.random.Generator) -> Iterator[Text]:
    """Yield another publisher's article of the language in this one's page: the page teaches apart from its topic."""
    others = [
        other
        for other in sources
        if other.publisher != source.publisher
        and (other.field, other.language) == (source.field, source.language)
        and any(other.labels)
    ]
    if not others:
        return
    other = others[int(random.integers(len(others)))]
    lines = [*source.lines[: source.body.start], *other.lines[other.body], *source.lines[source.body.stop :]]
    labels = [*source.labels[: source.body.start], *other.labels[other.body], *source.labels[source.body.stop :]]
    yield _text(source, lines, labels, None, other.publisher)


def _brief(source: _Source, random: np.random.Generator) -> Text:
    """Return some paragraphs of an article as if they were all of it, with a few lines around them."""
    body = np.flatnonzero(source.labels)
    first = int(random.integers(len(body))) if random.random() < _HALF else 0
    some = body[first : first + int(random.integers(*_BRIEF))]
    before, after = random.integers(0, _AROUND, 2)
    kept = [
        *range(max(0, source.body.start - int(before)), source.body.start),
        *range(int(some[0]), int(some[-1]) + 1),
        *range(source.body.stop, min(len(source.lines), source.body.stop + int(after))),
    ]
    title = source.title if random.random() < _HALF else None
    return _text(source, [source.lines[at] for at in kept], [source.labels[at] for at in kept], title)


def _followed(source: _Source, sources: Sequence[_Source], random: np.random.Generator) -> Text | None:
    """Return a page on which another article, or its beginning, stands below this one, as on pages without an end."""
    others = [
        other
        for other in sources
        if other is not source
        and (other.field, other.language) == (source.field, source.language)
        and any(other.labels)
    ]
    choice = [other for other in others if other.publisher == source.publisher]
    if not choice or random.random() >= _SAME_SITE:
        choice = [other for other in others if other.publisher != source.publisher]
    if not choice:
        return None
    other = choice[int(random.integers(len(choice)))]
    begin, size = max(0, other.body.start - int(random.integers(_LEAD))), other.body.stop - other.body.start
    if random.random() < _BEGINNING:
        size = min(size, int(random.geometric(1 / _GOES_ON)))
    more = list(other.lines[begin : other.body.start + size])
    if random.random() < _WITH_FOOT:
        more += other.lines[other.body.stop : other.body.stop + int(random.integers(_FOOT))]
    at = min(len(source.lines), source.body.stop + int(random.integers(_GAP)))
    return _text(
        source,
        [*source.lines[:at], *more, *source.lines[at:]],
        [*source.labels[:at], *[0] * len(more), *source.labels[at:]],
        source.title if random.random() < _HALF else None,
        other.publisher if other.publisher != source.publisher else None,
        _WARY,
    )


def _text(
    source: _Source,
    lines: Sequence[Line],
    labels: Sequence[int],
    title: str | None,
    other: str | None = None,
    learner: int | None = None,
) -> Text:
    lines, labels = laid_out(lines, labels)
    facts = describe(lines, title, source.rules)
    dense, buckets = line_features.dense(facts, title), line_features.buckets(facts)
    return Text(source.publisher, dense, buckets, [line.words for line in facts], labels, other, learner)


def laid_out(lines: Sequence[Line], labels: Sequence[int]) -> tuple[list[Line], list[int]]:
    """Write a text in one of the layouts, drawn by its content, and read it again, with the labels of its new lines.

    What a wrapped text's reader joins by mistake gets the label of most of its characters.
    """
    blocks = [line.text for line in lines]
    drawn = crc32("\n".join(blocks).encode(errors="replace"))
    body, origin = write(blocks, tuple(LAYOUTS)[drawn % len(LAYOUTS)], drawn // len(LAYOUTS))
    found = split(body)
    ends = [*(line.number - 1 for line in found[1:]), len(origin)]
    belongs = []
    for line, end in zip(found, ends, strict=True):
        held = set(origin[line.number - 1 : end])
        kept, other = (sum(len(blocks[at]) for at in held if labels[at] == label) for label in (1, 0))
        belongs.append(int(kept > other))
    return found, belongs
