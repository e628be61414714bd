"""What passes between the steps: a labelled stretch of the clean text."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

LABELS: Mapping[str, str] = MappingProxyType(
    {
        label: label
        for label in (
            *("PERSON", "ORG", "GPE", "LOC", "NORP", "FAC"),
            *("EVENT", "PRODUCT", "WORK_OF_ART", "LAW", "LANGUAGE"),
        )
    }
    | {"PER": "PERSON"}  # the models of most other languages say PER
)


class Span(NamedTuple):
    """Code points into the clean text, end exclusive, so that spans sort by position."""

    start: int
    end: int
    label: str


def most_frequent(labels: Sequence[str]) -> str:
    """Return the label given most often, of several the one given first."""
    return labels[0] if len(set(labels)) == 1 else max(dict.fromkeys(labels), key=labels.count)
