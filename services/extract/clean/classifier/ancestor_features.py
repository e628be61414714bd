"""What sort of boxes a line stands in, however far out: a 1 for each, from tags, roles and schema.org's types."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.extract.clean.html.blocks import Attributes, Boxes, is_hidden
from services.extract.clean.html.layout import Numbers

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
_NAMES = frozenset(name for name, _ in _VALUES)
_HIDDEN = len(_TAGS) + len(_VALUES)
WIDTH = _HIDDEN + 1  # numbers in a row


def inside(boxes: Boxes, within: Sequence[int]) -> Numbers:
    """Return a row for each line, given the box that each stands in."""
    flags: dict[int, int] = {}
    for box in boxes.around(within):
        outer, attributes = flags.get(boxes.parents[box], 0), boxes.attributes[box]
        flags[box] = outer | _BITS.get(boxes.tags[box], 0) | (_said(attributes) if attributes else 0)
    of_lines = np.array([flags[box] for box in within], np.int64)
    return (of_lines[:, None] >> np.arange(WIDTH) & 1).astype(np.float32)


def _said(attributes: Attributes) -> int:
    found = is_hidden(attributes) << _HIDDEN
    for name, value in attributes:
        if name in _NAMES:
            for bit, (asked, part) in enumerate(_VALUES, len(_TAGS)):
                if name == asked and part in value:
                    found |= 1 << bit
    return found
