"""Features of lines of a page from its markup: the boxes they stand in, lines marked up alike, what the page states."""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np

from services.extract.clean.html.blocks import Boxes
from services.extract.clean.html.elements import Attributes, is_hidden
from services.extract.clean.html.layout import LEVELS, Layout, Numbers, Places
from services.extract.clean.html.page_metadata import Head
from services.extract.clean.rules.line_facts import Facts
from services.extract.clean.text import tokens

Columns = Iterator[Any]

_SHARES = (0.5, 0.8)  # of a page's prose, that its main boxes hold
_LAYOUT_WIDTH = 180
_FROM_TITLE = 7  # features of those

_TAGS = (
    *("article", "main", "aside", "nav", "footer", "header", "form", "figure", "table", "ul ol", "li", "blockquote"),
    *("button", "label", "a", "section", "h1 h2 h3 h4 h5 h6", "dl", "details", "p", "figcaption"),
)
_VALUES = (
    *(("role", role) for role in ("main", "article", "complementary", "navigation", "banner", "contentinfo", "dialog")),
    ("itemprop", "articleBody"),
    ("itemtype", "rticle"),
    ("itemtype", "Comment"),
    ("aria-hidden", "true"),
)
_BITS: Mapping[str, int] = {tag: 1 << bit for bit, group in enumerate(_TAGS) for tag in group.split()}
_VALUE_NAMES = frozenset(name for name, _ in _VALUES)
_HIDDEN = len(_TAGS) + len(_VALUES)
_ANCESTOR_WIDTH = _HIDDEN + 1
_NAMING = frozenset({"class", "id", "role", "itemprop", "rel"})
_MAX_VALUE = 200  # characters; longer ones are made by machines
_MAX_WORDS = 16
_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])|h[1-6]\b")
_TYPE = re.compile(r"schema\.org/(\w+)")
_JSONLD_WIDTH = 6
_LONG_BODY = 400  # characters; a shorter body is only the beginning of one
_PHRASE = 4  # words; shorter lines are in many a text by chance
_BEGINNING = 5  # words of a description that a line begins with too
_MARKUP = re.compile(r"<[^<>]*>")


def _numbered(*groups: str) -> Mapping[str, int]:
    return {tag: number for number, group in enumerate(groups) for tag in group.split()}


_OWN = _numbered(
    *("p", "h1", "h2", "h3", "h4 h5 h6", "li", "td th", "figcaption caption", "blockquote", "div", "a", "dt dd"),
    *("button label", "section article main", "pre", "body", "span", "b strong em i", "time", "header footer"),
)
_AROUND = _numbered(
    *("div", "article", "section", "ul ol", "li", "td tr table tbody", "main", "body", "blockquote", "figure"),
    *("header", "footer", "nav", "aside", "p"),
)
WIDTH = _LAYOUT_WIDTH + _ANCESTOR_WIDTH + _JSONLD_WIDTH  # features of a line


def dense(layout: Layout, near: Places, facts: Sequence[Facts], head: Head, title: str | None) -> Numbers:
    """Return the features of the lines with the indices ``near``, which ``facts`` describe: shape (lines, WIDTH)."""
    within = [layout.page.within[index] for index in near]
    markup = (_layout_features(layout, title)[near], _ancestor_features(layout.page.boxes, within))
    return np.hstack((*markup, _jsonld_features(facts, head)))


def buckets(boxes: Boxes, within: Sequence[int]) -> list[list[int]]:
    """Return for each line the buckets of the names around it: those near it by how near, the others together."""
    further = [boxes.parents[boxes.parents[box]] for box in within]
    together = _together(boxes, further)
    return [[*_near(boxes, box), *together[outer]] for box, outer in zip(within, further, strict=True)]


def _near(boxes: Boxes, box: int) -> list[int]:
    """Return the names of a box and, told apart from them, those of the next larger one."""
    parent = boxes.parents[box]
    return [*_hashed("0", boxes, box), *(_hashed("1", boxes, parent) if parent != box else ())]


def _together(boxes: Boxes, within: Sequence[int]) -> dict[int, dict[int, None]]:
    """Return of each of these boxes its names and those of all around it, each once and in order."""
    found: dict[int, dict[int, None]] = {}
    for box in boxes.around(within):
        found[box] = {**found.get(boxes.parents[box], {}), **dict.fromkeys(_hashed("o", boxes, box))}
    return found


def _hashed(kind: str, boxes: Boxes, box: int) -> tuple[int, ...]:
    named = [attribute for attribute in boxes.attributes[box] if _says_names(attribute[0])]
    return _buckets_of(kind, boxes.tags[box], tuple(named))


@lru_cache(maxsize=20_000)
def _buckets_of(kind: str, tag: str, attributes: tuple[tuple[str, str], ...]) -> tuple[int, ...]:
    names = {tag: None, **dict.fromkeys(words_of(attributes))}
    return tuple(crc32(f"{kind} {name}".encode()) for name in names)


def _says_names(attribute: str) -> bool:
    return attribute in _NAMING or attribute == "itemtype" or attribute.startswith("data-")


def words_of(attributes: Attributes) -> list[str]:
    """Return the words of the names that attributes give, without numbers; "articleBody" and "article-body" agree."""
    found: list[str] = []
    for name, value in attributes:
        if name in _NAMING or name.startswith("data-"):
            if name not in _NAMING:
                found.append(name)
            if len(value) <= _MAX_VALUE:
                found += [word.lower() for word in _WORD.findall(value)][:_MAX_WORDS]
        elif name == "itemtype":
            found += [f"type-{kind.lower()}" for kind in _TYPE.findall(value)]
    return found


def _layout_features(layout: Layout, title: str | None) -> Numbers:
    """Return a row of numbers for each line."""
    parts: Sequence[Callable[[Layout], Columns]] = (_levels, _main, _self, _headings, _alike, _articles)
    columns = [column for part in parts for column in part(layout)]
    columns += _from_title(layout, layout.title(title))
    return np.hstack((np.array(columns, np.float32).T, _tags(layout)))


def _levels(layout: Layout) -> Columns:
    """Describe the blocks around a line, each larger than the one before: how much they hold, and of what."""
    count = np.maximum(layout.last - layout.first, 1)
    total = max(float(layout.prose.sum()), 1.0)
    words, prose = layout.held(layout.words), layout.held(layout.prose)
    linked = layout.held(layout.linked) / np.maximum(layout.held(layout.chars), 1)
    shares = [layout.held(values) / count for values in (layout.prose > 0, layout.is_paragraph, layout.is_link)]
    of_each = (np.log1p(count) / 3, np.log1p(words) / 5, np.log1p(prose) / 5, prose / total, linked, *shares)
    together = np.array(of_each, np.float32)
    for box in layout.chain[:LEVELS]:
        yield from together[:, box]


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


def _alike(layout: Layout) -> Columns:
    """Describe the lines of a page that are marked up in the same way."""
    tags, attributes = layout.page.boxes.tags, layout.page.boxes.attributes
    chain = [box.tolist() for box in layout.chain]
    paths = [(tags[a], tags[b], tags[c], tags[d]) for a, b, c, d in zip(*chain[:4], strict=True)]
    names = {box: (tags[box], _class(attributes[box])) for box in {*chain[0], *chain[1]}}
    named = [(names[a], names[b]) for a, b in zip(*chain[:2], strict=True)]
    yield from _of_groups(layout, paths)
    yield from _of_groups(layout, named)


def _of_groups(layout: Layout, keys: Sequence[Hashable]) -> Columns:
    known: dict[Hashable, int] = {}
    group = np.array([known.setdefault(key, len(known)) for key in keys])
    count = np.bincount(group)
    words, prose, linked, chars = (
        np.bincount(group, values) for values in (layout.words, layout.prose, layout.linked, layout.chars)
    )
    yield (np.log1p(count) / 3)[group]
    yield (np.log1p(words / count) / 3)[group]
    yield (prose / max(float(layout.prose.sum()), 1.0))[group]
    yield (linked / np.maximum(chars, 1))[group]
    yield (np.bincount(group, layout.prose > 0) / count)[group]


def _class(attributes: Attributes) -> str | None:
    for name, value in attributes:  # a generator takes three times as long
        if name == "class":
            return value
    return None


def _tags(layout: Layout) -> Numbers:
    """Return a 1 for the tag of a line's own boxes and of the two blocks around it."""
    tags = layout.page.boxes.tags
    parts = []
    own, outer, around = layout.chain[:3]
    for box, groups in ((own, _OWN), (layout.within, _OWN), (outer, _AROUND), (around, _AROUND)):
        kind = np.array([groups.get(tags[number], -1) for number in box.tolist()])
        parts.append((kind[:, None] == np.arange(max(groups.values()) + 1)).astype(np.float32))
    return np.hstack(parts)


def _ancestor_features(boxes: Boxes, within: Sequence[int]) -> Numbers:
    """Return a row for each line, given the box that each stands in."""
    flags: dict[int, int] = {}
    for box in boxes.around(within):
        outer, attributes = flags.get(boxes.parents[box], 0), boxes.attributes[box]
        flags[box] = outer | _BITS.get(boxes.tags[box], 0) | (_attribute_bits(attributes) if attributes else 0)
    of_lines = np.array([flags[box] for box in within], np.int64)
    return (of_lines[:, None] >> np.arange(_ANCESTOR_WIDTH) & 1).astype(np.float32)


def _attribute_bits(attributes: Attributes) -> int:
    found = is_hidden(attributes) << _HIDDEN
    for name, value in attributes:
        if name in _VALUE_NAMES:
            for bit, (asked, part) in enumerate(_VALUES, len(_TAGS)):
                if name == asked and part in value:
                    found |= 1 << bit
    return found


def _jsonld_features(facts: Sequence[Facts], head: Head) -> Numbers:
    """Return a row for each line."""
    body = " ".join(tokens(_MARKUP.sub(" ", head.text or "")))
    known = len(body) > _LONG_BODY
    description = tokens(head.description or "")
    pairs = set(pairwise(description))
    rows = []
    for line in facts:
        found = bool(body) and " ".join(line.tokens) in body
        shared = sum(map(pairs.__contains__, pairwise(line.tokens))) / max(len(line.tokens) - 1, 1) if pairs else 0.0
        begins = bool(pairs) and list(line.tokens[:_BEGINNING]) == description[:_BEGINNING]
        rows.append((known, found and known, found and line.words >= _PHRASE, known and not found, shared, begins))
    return np.array(rows, np.float32)
