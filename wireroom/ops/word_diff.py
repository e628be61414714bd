"""What changed between two versions of an article, paragraph by paragraph and word by word."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_ALIKE = 0.5  # paragraphs that share less than this of their words are one that went and one that came

Kind = Literal["same", "gone", "new"]
Part = tuple[Kind, str]
HEAD = ("title", "byline", "agency", "url", "published_at", "updated_at")


@dataclass(frozen=True)
class Change:
    """A paragraph, or a field of the head if ``field`` names one, as runs of text that stayed, went or came."""

    parts: tuple[Part, ...]
    field: str | None = None

    @property
    def kind(self) -> Literal["same", "gone", "new", "edited"]:
        kinds = {kind for kind, _ in self.parts}
        return kinds.pop() if len(kinds) == 1 else "edited"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the head's fields that differ and all paragraphs in order, each edited one as words."""
    head = [
        Change(_replaced(_shown(old.get(name)), _shown(new.get(name))), name)
        for name in HEAD
        if old.get(name) != new.get(name)
    ]
    return head + [Change(parts) for parts in _paragraphs(old["paragraphs"], new["paragraphs"])]


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _replaced(old: str, new: str) -> tuple[Part, ...]:
    parts: list[Part] = [("gone", old), ("new", new)]
    return tuple(part for part in parts if part[1])


def _paragraphs(old: Sequence[str], new: Sequence[str]) -> list[tuple[Part, ...]]:
    found: list[tuple[Part, ...]] = []
    for operation, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if operation == "equal":
            found += [(("same", text),) for text in old[a:b]]
        else:
            found += _edited(old[a:b], new[c:d])
    return found


def _edited(old: Sequence[str], new: Sequence[str]) -> list[tuple[Part, ...]]:
    """Pair each old paragraph with the next new one that has most of its words, in order."""
    found: list[tuple[Part, ...]] = []
    position = 0
    for text in old:
        partner = next((n for n in range(position, len(new)) if _alike(text, new[n])), None)
        if partner is None:
            found.append((("gone", text),))
            continue
        found += [(("new", between),) for between in new[position:partner]]
        found.append(_words(text, new[partner]))
        position = partner + 1
    return found + [(("new", rest),) for rest in new[position:]]


def _alike(a: str, b: str) -> bool:
    return SequenceMatcher(None, _WORDS.findall(a), _WORDS.findall(b), autojunk=False).ratio() >= _ALIKE


def _words(old: str, new: str) -> tuple[Part, ...]:
    a, b = _WORDS.findall(old), _WORDS.findall(new)
    parts: list[Part] = []
    for operation, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if operation == "equal":
            parts.append(("same", "".join(a[i:j])))
        else:
            parts += _replaced("".join(a[i:j]), "".join(b[k:m]))
    return tuple(parts)
