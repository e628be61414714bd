"""Marks in texts: mentions of entities in paragraphs, cut into runs that have the same marks. Pure values.

Offsets are code points of the whole clean text, as Python counts; overlapping, repeated and impossible mentions are
all read, because anyone may publish an article.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from shared.messages import ArticleExtracted, Entity, Removed

_SEPARATOR = len("\n\n")  # between paragraphs, as ArticleExtracted.text joins them


@dataclass(frozen=True)
class Mark:
    """A mention in a run of text. ``first`` and ``last``: whether the run begins or ends it."""

    entity: int  # place in the article's list
    number: int  # of the mention, within the entity, from 0
    label: str
    name: str
    first: bool = True
    last: bool = True


@dataclass(frozen=True)
class Segment:
    """A run of text with the mentions that cover it, the longest first."""

    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Block:
    """A paragraph in segments, or lines that were removed from where it stands."""

    segments: tuple[Segment, ...] = ()
    removed: tuple[Removed, ...] = ()


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    mark: Mark = field(compare=False)


def blocks(article: ArticleExtracted) -> tuple[Block, ...]:
    """Return paragraphs and removed lines in the order of the text that was cleaned.

    An article that was extracted before paragraphs had their lines has all that was removed at its end.
    """
    kept = paragraphs(article)
    lines = article.paragraph_lines
    if len(lines) != len(kept):
        lines = (0,) * len(kept)
    placed = [(line, 1, Block(segments)) for line, segments in zip(lines, kept, strict=True)]
    placed += [(each.line, 0, Block(removed=(each,))) for each in article.removed]
    return tuple(_joined(block for _, _, block in sorted(placed, key=lambda item: item[:2])))


def _joined(found: Iterable[Block]) -> Iterator[Block]:
    """Join removed lines that follow each other to one block."""
    for is_removed, group in groupby(found, key=lambda block: bool(block.removed)):
        if is_removed:
            yield Block(removed=tuple(each for block in group for each in block.removed))
        else:
            yield from group


def paragraphs(article: ArticleExtracted) -> tuple[tuple[Segment, ...], ...]:
    """Return the segments of each paragraph of an article."""
    spans = sorted(_spans(article.entities), key=lambda span: (span.start, -span.end))
    found: list[tuple[Segment, ...]] = []
    offset = 0
    for text in article.paragraphs:
        end = offset + len(text)
        found.append(tuple(_segments(text, offset, [span for span in spans if span.start < end and span.end > offset])))
        offset = end + _SEPARATOR
    return tuple(found)


def _spans(entities: Sequence[Entity]) -> Iterator[_Span]:
    for place, entity in enumerate(entities):
        for number, mention in enumerate(entity.mentions):
            if mention.start < mention.end:
                yield _Span(mention.start, mention.end, Mark(place, number, entity.label, entity.name))


def _segments(text: str, offset: int, spans: Sequence[_Span]) -> Iterator[Segment]:
    """Cut a paragraph at every start and end of a span; spans are clipped to it."""
    clipped = [_Span(max(s.start - offset, 0), min(s.end - offset, len(text)), s.mark) for s in spans]
    cuts = sorted({0, len(text), *(s.start for s in clipped), *(s.end for s in clipped)})
    starting: Mapping[int, list[_Span]] = _by_start(clipped)
    active: list[_Span] = []
    for start, end in pairwise(cuts):
        active = [span for span in active if span.end > start] + starting.get(start, [])
        marks = tuple(_mark(span, start, end) for span in sorted(active, key=lambda span: span.start - span.end))
        yield Segment(text[start:end], marks)


def _by_start(spans: Iterable[_Span]) -> Mapping[int, list[_Span]]:
    found: dict[int, list[_Span]] = defaultdict(list)
    for span in spans:
        found[span.start].append(span)
    return found


def _mark(span: _Span, start: int, end: int) -> Mark:
    mark = span.mark
    return Mark(mark.entity, mark.number, mark.label, mark.name, span.start == start, span.end == end)
