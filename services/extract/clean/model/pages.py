"""The trained judge of pages: as that of lines, and it also sees the boxes a line stands in and what they are called.

``pages.npz`` is data. What it was trained on, and how well it does, stands in docs/models/pages.md; ``wireroom train
pages`` makes it anew.
"""

from collections.abc import Sequence

import numpy as np

from services.extract.clean.facts import Facts
from services.extract.clean.head import Head
from services.extract.clean.layout import Layout, Numbers, Places
from services.extract.clean.model import features, names
from services.extract.clean.model.inside import inside
from services.extract.clean.model.network import Buckets
from services.extract.clean.model.places import places
from services.extract.clean.model.said import said


def dense(layout: Layout, near: Places, facts: Sequence[Facts], head: Head, title: str | None) -> Numbers:
    """Return a row of numbers for each of the described lines, which are those ``near`` an article."""
    rows = (features.dense(facts, title), places(layout)[near], inside(layout)[near], said(facts, head))
    return np.hstack(rows).astype(np.float32)


def buckets(layout: Layout, near: Places, facts: Sequence[Facts]) -> tuple[Buckets, Buckets]:
    """Return for each line the buckets of the words at its edges, and those of the names around it."""
    within = [layout.page.within[index] for index in near]
    return features.buckets(facts)[0], names.buckets(layout.page.boxes, within)
