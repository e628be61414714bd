"""Span types shared by the steps: labelled code point offsets into the text, and our labels for those of models."""

from collections.abc import Iterator, Mapping, Sequence
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


def whole_words(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each place where the name stands as whole words."""
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        if not (is_in_word(text[start - 1 : start]) or is_in_word(text[end : end + 1])):
            yield start, end
        start = text.find(name, end)


def is_in_word(char: str) -> bool:
    """Whether a letter next to the character is part of the same word; not in Chinese, which writes no spaces."""
    return (char.isalnum() and not "\u4e00" <= char <= "\u9fff") or char in ("-", "_")
