"""The classifier of pages: as that of lines, with features of the boxes (elements) that a line stands in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.extract.clean.classifier import line_features, page_features
from services.extract.clean.classifier.line_classifier import MAX_LINES
from services.extract.clean.classifier.network import Buckets, Network
from services.extract.clean.html.blocks import Page
from services.extract.clean.html.layout import Layout, Numbers, Places, layout_of
from services.extract.clean.html.page_metadata import Head
from services.extract.clean.rules.line_facts import Facts
from services.extract.clean.text import Line

MIN_LINES = 8  # near an article; in fewer there is too little around a line to judge it by
WIDTH = line_features.WIDTH + page_features.WIDTH  # features of a line


@dataclass(frozen=True)
class Region:
    """A page, and the lines of it that are near an article: only they are described and judged."""

    layout: Layout
    near: Places
    head: Head

    @property
    def lines(self) -> list[Line]:
        return [self.layout.page.lines[index] for index in self.near]

    @property
    def within(self) -> list[int]:
        """The innermost box of each."""
        return [self.layout.page.within[index] for index in self.near]


def region_of(page: Page, head: Head) -> Region:
    """Find the lines near an article in a page that has at least one line; all of them if none reads like prose."""
    layout = layout_of(page)
    near = layout.near()
    return Region(layout, near if len(near) else np.arange(layout.size), head)


def probabilities(network: Network, region: Region, facts: Sequence[Facts], title: str | None) -> list[float] | None:
    """Return the probability of each line of the region; None if there are too few lines or too many."""
    if not MIN_LINES <= len(facts) <= MAX_LINES:
        return None
    return network.judge(dense(region, facts, title), buckets(region, facts))


def dense(region: Region, facts: Sequence[Facts], title: str | None) -> Numbers:
    """Return a row of numbers for each line of the region."""
    markup = page_features.dense(region.layout, region.near, facts, region.head, title)
    return np.hstack((line_features.dense(facts, title), markup)).astype(np.float32)


def buckets(region: Region, facts: Sequence[Facts]) -> tuple[Buckets, Buckets]:
    """Return for each line the buckets of the words at its edges, and those of the names of the boxes around it."""
    return line_features.edge_buckets(facts), page_features.buckets(region.layout.page.boxes, region.within)
