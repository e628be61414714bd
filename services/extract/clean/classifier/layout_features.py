"""Numbers for lines of a page from its markup: the boxes they stand in, and what else stands in those."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from services.extract.clean.classifier import tag_path_groups
from services.extract.clean.html.layout import LEVELS, Layout, Numbers, Places

Columns = Iterator[Any]

_SHARES = (0.5, 0.8)  # of a page's prose, that its main boxes hold
WIDTH = 180  # numbers in a row
_FROM_TITLE = 7  # of those


def places(layout: Layout, title: str | None) -> Numbers:
    """Return a row of numbers for each line."""
    parts: Sequence[Callable[[Layout], Columns]] = (_levels, _main, _self, _headings, tag_path_groups.alike, _articles)
    columns = [column for part in parts for column in part(layout)]
    columns += _from_title(layout, layout.title(title))
    return np.hstack((np.array(columns, np.float32).T, tag_path_groups.kinds(layout)))


def _levels(layout: Layout) -> Columns:
    """Describe the blocks around a line, each larger than the one before: how much they hold, and of what."""
    count = np.maximum(layout.last - layout.first, 1)
    total = max(float(layout.prose.sum()), 1.0)
    words, prose = layout.held(layout.words), layout.held(layout.prose)
    linked = layout.held(layout.linked) / np.maximum(layout.held(layout.chars), 1)
    shares = [layout.held(values) / count for values in (layout.prose > 0, layout.is_paragraph, layout.is_link)]
    of_each = (np.log1p(count) / 3, np.log1p(words) / 5, np.log1p(prose) / 5, prose / total, linked, *shares)
    for box in layout.chain[:LEVELS]:
        yield from (values[box] for values in of_each)


def _main(layout: Layout) -> Columns:
    """Describe where a line lies to the boxes that hold most of the prose, and how much stands beside it."""
    total = max(float(layout.prose.sum()), 1.0)
    held, depths, within = layout.held(layout.prose), layout.depths, layout.within
    direct = layout.direct
    best = int(direct.argmax())
    largest = [int(np.flatnonzero(held >= share * held[0])[-1]) for share in _SHARES]
    for box in (best, *largest):
        yield from _relative(layout, box, float(held[box]) / total)
    for level in (0, 1, 2):
        yield direct[layout.chain[level]] / max(direct[best], 1)
    yield direct[layout.chain[1]] / total
    yield layout.chain[1] == best
    yield layout.chain[2] == best
    meet = _depth_shared(layout, best)[within]
    yield (depths[best] - meet) / 5
    yield (depths[within] - meet) / 5


def _relative(layout: Layout, box: int, share: float) -> Columns:
    at = np.arange(layout.size)
    begin, end = int(layout.first[box]), int(layout.last[box])
    inside = (at >= begin) & (at < end)
    yield inside
    yield np.log1p(np.maximum(begin - at, 0)) / 3
    yield np.log1p(np.maximum(at - end + 1, 0)) / 3
    yield (at - begin) / max(end - begin, 1) * inside
    yield (layout.depths[layout.within] - layout.depths[box]) / 5
    linked = layout.linked[begin:end].sum() / max(layout.chars[begin:end].sum(), 1)
    for number in (share, (end - begin) / layout.size, linked):
        yield np.full(layout.size, number)


def _depth_shared(layout: Layout, box: int) -> Places:
    """Return for each box the depth of the innermost box that holds it and also ``box``."""
    boxes = layout.page.boxes
    shared = np.zeros(len(boxes.tags), np.int64)
    for outer in boxes.around([box]):
        shared[outer : boxes.ends[outer]] = boxes.depths[outer]
    return shared


def _self(layout: Layout) -> Columns:
    """Describe the line itself, and how far it is from those beside it."""
    depth, meets = layout.depths[layout.within], np.array(layout.page.meets)
    same = np.append(layout.chain[1][1:] == layout.chain[1][:-1], False)
    yield layout.linked / np.maximum(layout.chars, 1)
    yield layout.is_link
    yield layout.linked > 0
    yield depth / 20
    yield np.log1p(np.maximum(depth - meets, 0)) / 2
    yield np.log1p(np.maximum(depth - np.append(meets[1:], 0), 0)) / 2
    yield same
    yield np.append(False, same[:-1])
    yield layout.prose > 0
    yield np.log1p(layout.words) / 4
    yield np.full(layout.size, np.log1p(layout.size) / 5)
    yield np.arange(layout.size) / layout.size


def _headings(layout: Layout) -> Columns:
    """Describe where a line lies to the main headings."""
    at, where = np.arange(layout.size), np.flatnonzero(layout.is_heading)
    first = int(where[0]) if len(where) else -1
    following = np.append(where, -1)[np.searchsorted(where, at)]
    yield np.full(layout.size, len(where) > 0)
    yield np.full(layout.size, np.log1p(len(where)))
    yield (at > first) & (first >= 0)
    yield np.log1p(np.abs(at - first)) / 3 * (first >= 0)
    yield np.log1p(np.maximum(following - at, 0)) / 3
    yield following >= 0


def _from_title(layout: Layout, title: int) -> Columns:
    """Describe where a line lies to the heading of the article: other articles of the page have their own."""
    if title < 0:
        yield from np.zeros((_FROM_TITLE, layout.size))
        return
    at, within = np.arange(layout.size), layout.within
    box = int(within[title])
    meet = _depth_shared(layout, box)[within]
    so_far = np.cumsum(layout.is_heading)
    article = layout.article
    yield at > title
    yield np.log1p(np.abs(at - title)) / 3
    yield (layout.depths[box] - meet) / 5
    yield (layout.depths[within] - meet) / 5
    yield np.minimum(np.abs(so_far - so_far[title]), 3) / 3
    yield (article == article[title]) & (article >= 0)
    yield (article != article[title]) & (article >= 0)


def _articles(layout: Layout) -> Columns:
    """Describe the article elements around a line; the page of one article has others in it that are teasers."""
    depth = np.zeros(len(layout.parents), np.int64)
    for box in layout.articles:
        depth[box : layout.page.boxes.ends[box]] += 1
    outer, held = layout.article, layout.held(layout.prose)
    yield np.full(layout.size, np.log1p(len(layout.articles)) / 2)
    yield depth[layout.within] / 3
    yield np.where(outer >= 0, held[outer] / max(float(held[0]), 1.0), 0)
