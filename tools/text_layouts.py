"""Layouts of plain text: how the same blocks are written by different senders, for training and for measuring."""

import random
import textwrap
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

_WIDTHS = (70, 72, 75, 76, 78, 80)  # columns that mail programs and editors wrap at
_INDENT = "    "

Written = tuple[str, list[int]]  # the text, and for each of its lines the block it comes from


def _joined(
    blocks: Sequence[str], end: str, *, between: str | None = None, indent: str = "", width: int = 0
) -> Written:
    lines: list[str] = []
    origin: list[int] = []
    for number, block in enumerate(blocks):
        if between is not None and number:
            lines.append(between)
            origin.append(number)
        wrapped = textwrap.wrap(block, width, break_long_words=False, break_on_hyphens=False) if width else []
        first, *more = wrapped or [block]
        lines += [indent + first, *more]
        origin += [number] * (1 + len(more))
    return end.join(lines), origin


def _width(seed: int) -> int:
    return _WIDTHS[seed % len(_WIDTHS)]


def _some_blank(blocks: Sequence[str], seed: int) -> Written:
    """Put a blank line before some of the blocks, as where a sender sets only a few of them apart."""
    chance = random.Random(seed)
    share = chance.random()
    lines: list[str] = []
    origin: list[int] = []
    for number, block in enumerate(blocks):
        if number and chance.random() < share:
            lines.append("")
            origin.append(number)
        lines.append(block)
        origin.append(number)
    return "\n".join(lines), origin


AS_IT_IS = "lines"  # one block a line, as packs have their texts
LAYOUTS: Mapping[str, Callable[[Sequence[str], int], Written]] = MappingProxyType(
    {
        AS_IT_IS: lambda blocks, _: _joined(blocks, "\n"),
        "blank": lambda blocks, _: _joined(blocks, "\n", between=""),
        "blank_wrapped": lambda blocks, seed: _joined(blocks, "\n", between="", width=_width(seed)),
        "crlf_nbsp": lambda blocks, _: _joined(
            [block.replace(", ", ",\xa0") for block in blocks], "\r\n", between="\xa0"
        ),
        "indented": lambda blocks, _: _joined(blocks, "\n", indent=_INDENT),
        "indented_wrapped": lambda blocks, seed: _joined(blocks, "\n", indent=_INDENT, width=_width(seed)),
        "wrapped": lambda blocks, seed: _joined(blocks, "\n", width=_width(seed)),
        "some_blank": _some_blank,
    }
)


def write(blocks: Sequence[str], layout: str, seed: int = 0) -> Written:
    """Return the blocks as one text in a layout, and the block index of each of its lines.

    ``seed`` selects the column that the layouts wrap at. Raises KeyError for an unknown layout.
    """
    return LAYOUTS[layout](blocks, seed)
