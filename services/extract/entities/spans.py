"""Types shared by the steps: spans (labelled code point offsets), our labels for those of models, disjoint sets."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
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


class UnionFind:
    """Disjoint sets of keys; the key that another is joined to represents the set. No path compression: few names.

    ``entries`` are the alias file's entities by key: sets of two different entities are never joined.
    """

    def __init__(self, entries: Mapping[str, Hashable] | None = None) -> None:
        self._parents: dict[str, str] = {}
        self._entries = dict(entries or {})

    def find(self, key: str) -> str:
        """Return the representative of the key's set."""
        while (parent := self._parents.get(key, key)) != key:
            key = parent
        return key

    def is_root(self, key: str) -> bool:
        """Whether the key represents its set: it was joined to no other."""
        return key not in self._parents

    def join(self, key: str, other: str) -> None:
        """Let the key's set become part of the other's, unless the alias file says that they are two entities."""
        root, target = self.find(key), self.find(other)
        if root == target:
            return
        mine, theirs = self._entries.get(root), self._entries.get(target)
        if mine is not None and theirs is not None and mine != theirs:
            return
        self._parents[root] = target
        if mine is not None:
            self._entries[target] = mine
