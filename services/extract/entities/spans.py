"""What passes between the steps: a labelled stretch of the clean text."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

LABELS = (
    *("PERSON", "ORG", "GPE", "LOC", "NORP", "FAC"),
    *("EVENT", "PRODUCT", "WORK_OF_ART", "LAW", "LANGUAGE", "MISC"),
)
# what the models of other languages say for the same
_SAME: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("PER", "persName", "PRS", "PS"), "PERSON")
    | dict.fromkeys(("orgName", "ORGANIZATION", "OG"), "ORG")
    | dict.fromkeys(("placeName", "GPE_LOC", "GPE_ORG"), "GPE")
    | dict.fromkeys(("geogName", "LC"), "LOC")
    | {"NAT_REL_POL": "NORP", "FACILITY": "FAC", "OBJ": "PRODUCT", "PROD": "PRODUCT"}
    | {"EVN": "EVENT", "EVT": "EVENT", "WRK": "WORK_OF_ART"}
)


class Span(NamedTuple):
    """Code points into the clean text, end exclusive, so that spans sort by position."""

    start: int
    end: int
    label: str


class Dropped(NamedTuple):
    """What the model took for a name, and the rule that says why it is none."""

    start: int
    end: int
    label: str
    rule: str


def our_label(label: str) -> str:
    """Return the OntoNotes label for a model's own; what has none there stays as it is."""
    return _SAME.get(label, label)


def most_frequent(labels: Sequence[str]) -> str:
    """Return the label given most often, of several the one given first."""
    return labels[0] if len(set(labels)) == 1 else max(dict.fromkeys(labels), key=labels.count)
