"""Numbers for lines of a page from how they are marked up: their tags, and the lines that are marked up alike."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from services.extract.clean.html.blocks import Attributes
from services.extract.clean.html.layout import Layout, Numbers

Columns = Iterator[Any]


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


def alike(layout: Layout) -> Columns:
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
    return next((value for name, value in attributes if name == "class"), None)


def kinds(layout: Layout) -> Numbers:
    """Return a 1 for the tag of a line's own boxes and of the two blocks around it."""
    tags = layout.page.boxes.tags
    parts = []
    own, outer, around = layout.chain[:3]
    for box, groups in ((own, _OWN), (layout.within, _OWN), (outer, _AROUND), (around, _AROUND)):
        kind = np.array([groups.get(tags[number], -1) for number in box.tolist()])
        parts.append((kind[:, None] == np.arange(max(groups.values()) + 1)).astype(np.float32))
    return np.hstack(parts)
