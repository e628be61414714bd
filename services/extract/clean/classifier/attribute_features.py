"""What a page's authors call its parts: words of class, id, role and the like, of the boxes a line stands in."""

import re
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

from services.extract.clean.html.blocks import Attributes, Boxes

_NAMING = frozenset({"class", "id", "role", "itemprop", "rel"})
_MAX_VALUE = 200  # characters; longer ones are made by machines
_MAX_WORDS = 16
_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])|h[1-6]\b")
_TYPE = re.compile(r"schema\.org/(\w+)")


def buckets(boxes: Boxes, within: Sequence[int]) -> list[list[int]]:
    """Return for each line the buckets of the names around it: those near it by how near, the others together."""
    further = [boxes.parents[boxes.parents[box]] for box in within]
    together = _together(boxes, further)
    return [[*_near(boxes, box), *together[outer]] for box, outer in zip(within, further, strict=True)]


def _near(boxes: Boxes, box: int) -> list[int]:
    """Return the names of a box and, told apart from them, those of the next larger one."""
    parent = boxes.parents[box]
    return [*_hashed("0", boxes, box), *(_hashed("1", boxes, parent) if parent != box else ())]


def _together(boxes: Boxes, within: Sequence[int]) -> dict[int, dict[int, None]]:
    """Return of each of these boxes its names and those of all around it, each once and in order."""
    found: dict[int, dict[int, None]] = {}
    for box in boxes.around(within):
        found[box] = {**found.get(boxes.parents[box], {}), **dict.fromkeys(_hashed("o", boxes, box))}
    return found


def _hashed(kind: str, boxes: Boxes, box: int) -> list[int]:
    return [_bucket(kind, word) for word in _names(boxes.tags[box], tuple(boxes.attributes[box]))]


@lru_cache(maxsize=20_000)
def _bucket(kind: str, word: str) -> int:
    return crc32(f"{kind} {word}".encode())


@lru_cache(maxsize=20_000)
def _names(tag: str, attributes: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple({tag: None, **dict.fromkeys(words_of(attributes))})


def words_of(attributes: Attributes) -> list[str]:
    """Return the words of the names that attributes give, without numbers; "articleBody" and "article-body" agree."""
    found: list[str] = []
    for name, value in attributes:
        if name in _NAMING or name.startswith("data-"):
            if name not in _NAMING:
                found.append(name)
            if len(value) <= _MAX_VALUE:
                found += [word.lower() for word in _WORD.findall(value)][:_MAX_WORDS]
        elif name == "itemtype":
            found += [f"type-{kind.lower()}" for kind in _TYPE.findall(value)]
    return found
