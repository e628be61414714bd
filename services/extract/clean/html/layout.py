"""How the lines of a page lie in its boxes: what each box holds, and which lines are near any prose."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from services.extract.clean.html.blocks import Page
from services.extract.clean.html.elements import BLOCKS
from services.extract.clean.text import ends_sentence, roughly

Numbers = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LEVELS = 5  # of boxes around a line that are looked at
_SEED_WORDS, _SEED_LINKED = 6, 0.6  # a line so long and less linked than this is where an article may be
_REACH = 8  # lines from there
_RICH = 0.1  # of a page's prose: what stands beside so much of it may belong to it
_PROSE_WORDS, _LONG_WORDS = 8, 40  # from here on a sentence is prose, and any other text
_PROSE_LINKED = 0.5
_LISTS = frozenset({"ul", "ol", "dl"})
_LINK = 0.8  # of a line's characters
AUTHOR_CARD = re.compile(
    r"author[-_]*(?:bio|card|box|about|descr|profile|blurb)|about[-_]*(?:the[-_]*)?author"
    r"|(?:bio|card|box|blurb)[-_]*author|(?:byline|writer)[-_]*bio|\bbio\b",
    re.IGNORECASE,
)
CONSENT = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|onetrust|didomi|usercentrics|(?:qc-)?cmp2?-(?:container|banner|box|modal|wrapper))(?:[\s_-]|$)|^(?:alert)?dialog$",
    re.IGNORECASE,
)
_WORDS_OF_NAMES = re.compile(  # each of these names has one of them
    "author|bio|cookie|consent|gdpr|onetrust|didomi|usercentrics|cmp|dialog|quote|zitat"
)
PULL_QUOTE = re.compile(r"pull(?:ed)?[-_]*quote|quote[-_]*pull|zitat[-_]*box", re.IGNORECASE)
_NAMED = frozenset({"class", "id", "itemprop", "role", "data-testid", "data-component"})


@dataclass(frozen=True)
class Layout:
    """Numbers of each line and of each box; words are estimated, because most lines are not worth a closer look."""

    page: Page
    words: Numbers
    chars: Numbers
    linked: Numbers  # characters
    prose: Numbers  # words of lines that read like prose
    block: Places  # of each box: the innermost block that it is or stands in,
    around: Places  # and the smallest one with more lines than that

    @cached_property
    def size(self) -> int:
        return len(self.page.lines)

    @cached_property
    def within(self) -> Places:
        return np.array(self.page.within, np.int64)

    @cached_property
    def parents(self) -> Places:
        return np.array(self.page.boxes.parents, np.int64)

    @cached_property
    def depths(self) -> Places:
        return np.array(self.page.boxes.depths, np.int64)

    @cached_property
    def first(self) -> Places:
        return np.array(self.page.boxes.first, np.int64)

    @cached_property
    def last(self) -> Places:
        return np.array(self.page.boxes.last, np.int64)

    @cached_property
    def chain(self) -> list[Places]:
        """Of each line the block it is in, and the ever larger ones around that."""
        found = [self.block[self.within]]
        for _ in range(LEVELS):
            found.append(self.around[found[-1]])
        return found

    @cached_property
    def is_link(self) -> Flags:
        return np.asarray(self.linked > _LINK * self.chars)

    @cached_property
    def is_paragraph(self) -> Flags:
        tags = self.page.boxes.tags
        return np.array([tags[box] == "p" for box in self.chain[0].tolist()], np.bool_)

    def held(self, values: npt.NDArray[Any]) -> Numbers:
        """Return for each box the sum over its lines."""
        total = np.concatenate(([0], np.cumsum(values, dtype=np.float64)))
        return np.asarray(total[self.last] - total[self.first], np.float32)

    @cached_property
    def direct(self) -> Numbers:
        """Of each box the prose that stands in it and in no smaller box with several lines."""
        return np.bincount(self.chain[1], weights=self.prose, minlength=len(self.parents)).astype(np.float32)

    @cached_property
    def is_heading(self) -> Flags:
        tags = self.page.boxes.tags
        return np.array([tags[box] == "h1" for box in self.chain[0].tolist()], np.bool_)

    @cached_property
    def articles(self) -> list[int]:
        """The article elements."""
        return [box for box, tag in enumerate(self.page.boxes.tags) if tag == "article"]

    @cached_property
    def article(self) -> Places:
        """Of each line the outermost article element around it, or -1."""
        found = np.full(len(self.parents), -1)
        for box in reversed(self.articles):  # the outer ones last
            found[box : self.page.boxes.ends[box]] = box
        return found[self.within]

    @cached_property
    def listed(self) -> Places:
        """Of each line the innermost list around it, or -1; a line of which more is a link than text has none."""
        found = np.full(self.size, -1, np.int64)
        for box, tag in enumerate(self.page.boxes.tags):
            if tag in _LISTS:
                found[self.first[box] : self.last[box]] = box
        return np.where(self.linked < _PROSE_LINKED * self.chars, found, -1)

    def in_named(self, lines: Iterable[int], naming: re.Pattern[str]) -> dict[int, int]:
        """Return those of the lines that stand in a box with such a name, and the outermost such box of each."""
        lines, boxes, within = list(lines), self.page.boxes, self.page.within
        named: dict[int, int] = {}
        for box in boxes.around(within[line] for line in lines):
            outer = boxes.parents[box]
            if outer in named:
                named[box] = named[outer]
            elif any(naming.search(value) for value in self._names(box)):
                named[box] = box
        return {line: named[within[line]] for line in lines if within[line] in named}

    def _names(self, box: int) -> list[str]:
        """Return the values of a box's attributes that may say what it is."""
        if box not in self._known_names:
            self._known_names[box] = [
                value
                for name, value in self.page.boxes.attributes[box]
                if name in _NAMED and _WORDS_OF_NAMES.search(value.casefold())
            ]
        return self._known_names[box]

    @cached_property
    def _known_names(self) -> dict[int, list[str]]:
        return {}

    def near(self) -> Places:
        """Return the lines that stand near or beside one that may be prose, and the main headings.

        The others, half of a page and more, are no article.
        """
        seeds = (self.words >= _SEED_WORDS) & (self.linked < _SEED_LINKED * self.chars)
        so_far = np.concatenate(([0], np.cumsum(seeds)))
        at = np.arange(self.size)
        close = so_far[np.minimum(at + _REACH + 1, self.size)] > so_far[np.maximum(at - _REACH, 0)]
        rich = (self.direct > 0) & (self.direct >= _RICH * self.prose.sum())
        beside = rich[self.chain[1]] | rich[self.chain[2]]
        found: Places = np.flatnonzero(close | beside | self.is_heading)
        return found

    def title(self, title: str | None) -> int:
        """Return the line that is the article's heading, or -1: the main heading that says the title, or the first."""
        wanted = (title or "").casefold()
        headings = np.flatnonzero(self.is_heading)
        said = [index for index in headings if wanted and self.page.lines[index].text.casefold() == wanted]
        return int(said[0]) if said else int(headings[0]) if len(headings) else -1


def layout_of(page: Page) -> Layout:
    """Measure a page that has at least one line."""
    texts = [line.text for line in page.lines]
    words = np.array([roughly(text) for text in texts], np.float32)
    chars = np.array([len(text) for text in texts], np.float32)
    linked = np.minimum(np.array(page.linked, np.float32), chars)
    ends = np.array([ends_sentence(text) for text in texts], np.bool_)
    is_prose = ((ends & (words >= _PROSE_WORDS)) | (words >= _LONG_WORDS)) & (linked < _PROSE_LINKED * chars)
    return Layout(page, words, chars, linked, words * is_prose, *_blocks(page))


def _blocks(page: Page) -> tuple[Places, Places]:
    boxes = page.boxes
    block: list[int] = []
    around: list[int] = []
    lines = [last - first for first, last in zip(boxes.first, boxes.last, strict=True)]
    for box, (tag, parent) in enumerate(zip(boxes.tags, boxes.parents, strict=True)):
        block.append(box if tag in BLOCKS or not box else block[parent])
        outer = block[parent]
        around.append(around[outer] if box and lines[outer] <= lines[box] else outer)
    return np.array(block, np.int64), np.array(around, np.int64)
