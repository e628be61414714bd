"""Precision, recall and F1 of exact mentions, and of groups of mentions by B³."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

Place = tuple[int, int]  # code points into the text, end exclusive

_KINDS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("person", "per"), "person")
    | dict.fromkeys(("org", "organization", "organisation"), "organisation")
    | dict.fromkeys(("gpe", "loc", "fac", "place", "location"), "place")
)


class Named(NamedTuple):
    """A mention with its label, and which entity it names; either may be unknown."""

    place: Place
    label: str
    entity: str | None


def kind(label: str) -> str:
    """Return what labels of different sets have in common: places are one kind, whatever rules there."""
    return _KINDS.get(label.lower(), label.lower())


@dataclass
class Mentions:
    """Counts over articles; a mention is found where both its ends are right."""

    found: int = 0
    expected: int = 0
    both: int = 0
    labelled: int = 0  # of both, those with a label that was expected
    agreed: int = 0  # of those labelled, those with a label of the same kind

    def add(self, expected: Sequence[Named], found: Iterable[tuple[Place, str]]) -> None:
        wanted = {mention.place: mention.label for mention in expected}
        got = dict(found)
        both = wanted.keys() & got.keys()
        self.found += len(got)
        self.expected += len(wanted)
        self.both += len(both)
        labelled = [place for place in both if wanted[place]]
        self.labelled += len(labelled)
        self.agreed += sum(kind(wanted[place]) == kind(got[place]) for place in labelled)

    @property
    def precision(self) -> float:
        return self.both / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.both / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        return _f1(self.precision, self.recall)

    @property
    def labels(self) -> float | None:
        return self.agreed / self.labelled if self.labelled else None


@dataclass
class Groups:
    """B³ over the mentions of all articles: how pure and how whole the group of each mention is."""

    precisions: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)

    def add(self, expected: Mapping[Place, Hashable], made: Mapping[Place, Hashable]) -> None:
        """Compare the groups of the places that have both; groups of one article share a key."""
        places = expected.keys() & made.keys()
        wanted, got = _members(expected, places), _members(made, places)
        for place in places:
            mine, right = got[made[place]], wanted[expected[place]]
            self.precisions.append(len(mine & right) / len(mine))
            self.recalls.append(len(mine & right) / len(right))

    @property
    def precision(self) -> float:
        return sum(self.precisions) / len(self.precisions) if self.precisions else 0.0

    @property
    def recall(self) -> float:
        return sum(self.recalls) / len(self.recalls) if self.recalls else 0.0

    @property
    def f1(self) -> float:
        return _f1(self.precision, self.recall)


@dataclass(frozen=True)
class Comparison:
    """All from 0 to 1; ``labels`` is the share of right ones, ``b3`` of found mentions, ``b3_of_expected`` of all."""

    precision: float
    recall: float
    f1: float
    labels: float | None
    b3_precision: float
    b3_recall: float
    b3: float
    b3_of_expected: float

    @classmethod
    def of(cls, mentions: Mentions, groups: Groups, expected: Groups) -> "Comparison":
        found = (groups.precision, groups.recall, groups.f1, expected.f1)
        return cls(mentions.precision, mentions.recall, mentions.f1, mentions.labels, *found)


def _members(keys: Mapping[Place, Hashable], places: Iterable[Place]) -> Mapping[Hashable, set[Place]]:
    members: defaultdict[Hashable, set[Place]] = defaultdict(set)
    for place in places:
        members[keys[place]].add(place)
    return members


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def by_group(groups: Iterable[Iterable[Place]]) -> dict[Place, int]:
    """Return the number of each place's group."""
    return dict(chain.from_iterable(((place, number) for place in group) for number, group in enumerate(groups)))
