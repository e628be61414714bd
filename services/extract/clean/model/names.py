"""What a page's authors call its parts: words of class, id, role and the like, of the boxes a line stands in."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from zlib import crc32

from services.extract.clean.walk import Attributes, Boxes

_NEAR = 2  # boxes around a line whose names are told apart from those further out
_NAMES = frozenset({"class", "id", "role", "itemprop", "rel"})
_MAX_VALUE = 200  # characters; longer ones are made by machines
_MAX_WORDS = 16
_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])|h[1-6]\b")
_TYPE = re.compile(r"schema\.org/(\w+)")


def buckets(boxes: Boxes, within: Sequence[int]) -> list[list[int]]:
    """Return for each line the buckets of the names around it: those near it by how near, the others together."""
    outer: dict[int, list[int]] = {}
    return [[*_near(boxes, box), *_outer(boxes, _out(boxes, box), outer)] for box in within]


def _near(boxes: Boxes, box: int) -> Iterator[int]:
    for level in range(_NEAR):
        yield from _hashed(f"{level}", boxes.tags[box], tuple(boxes.attributes[box]))
        if boxes.parents[box] == box:
            return
        box = boxes.parents[box]


def _out(boxes: Boxes, box: int) -> int:
    for _ in range(_NEAR):
        box = boxes.parents[box]
    return box


def _outer(boxes: Boxes, box: int, known: dict[int, list[int]]) -> list[int]:
    """Return the names of a box and of all around it, each once; boxes share most of theirs."""
    path = []
    while box not in known and boxes.parents[box] != box:
        path.append(box)
        box = boxes.parents[box]
    found = known.setdefault(box, list(_hashed("o", boxes.tags[box], tuple(boxes.attributes[box]))))
    for inner in reversed(path):
        found = list(dict.fromkeys([*found, *_hashed("o", boxes.tags[inner], tuple(boxes.attributes[inner]))]))
        known[inner] = found
    return found


@lru_cache(maxsize=20_000)
def _hashed(kind: str, tag: str, attributes: tuple[tuple[str, str], ...]) -> tuple[int, ...]:
    return tuple(crc32(f"{kind} {word}".encode()) for word in {tag: None, **dict.fromkeys(words_of(attributes))})


def words_of(attributes: Attributes) -> list[str]:
    """Return the words of the names that attributes give, without numbers; "articleBody" and "article-body" agree."""
    found: list[str] = []
    for name, value in attributes:
        if name in _NAMES or name.startswith("data-"):
            if name not in _NAMES:
                found.append(name)
            if len(value) <= _MAX_VALUE:
                found += [word.lower() for word in _WORD.findall(value)][:_MAX_WORDS]
        elif name == "itemtype":
            found += [f"type-{kind.lower()}" for kind in _TYPE.findall(value)]
    return found
