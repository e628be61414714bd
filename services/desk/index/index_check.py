"""Compares the index with MongoDB: which articles are missing, left over, or of another version."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_SHOWN = 100  # ids of each kind


@dataclass(frozen=True)
class Difference:
    """``articles`` is how many MongoDB has; each kind of difference has a count and the first ids."""

    articles: int
    missing: int
    left_over: int
    other_version: int
    examples: Mapping[str, list[str]]

    @property
    def equal(self) -> bool:
        return not (self.missing or self.left_over or self.other_version)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "equal": self.equal}


def difference(stored: Mapping[str, int], indexed: Mapping[str, int]) -> Difference:
    """Compare versions by id."""
    kinds = {
        "missing": sorted(stored.keys() - indexed.keys()),
        "left_over": sorted(indexed.keys() - stored.keys()),
        "other_version": sorted(key for key, version in stored.items() if indexed.get(key, version) != version),
    }
    counts = {kind: len(found) for kind, found in kinds.items()}
    return Difference(len(stored), **counts, examples={kind: found[:_SHOWN] for kind, found in kinds.items() if found})
