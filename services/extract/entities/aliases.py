"""Options of the tagger, and the alias file: a user's names that mean one thing in every article.

[[entity]]
name = "Northmoor Ferry Authority"
label = "ORG"
aliases = ["NFA", "Ferry Authority"]
identifier = "Q1234"
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from services.extract.entities.names import fold, fullest, key_of
from services.extract.entities.spans import LABELS, Span, most_frequent

_Name = Annotated[str, StringConstraints(min_length=2, max_length=200, pattern=r"^\S(?:[^\n]*\S)?$")]
_HEADING = re.compile(r"\s*\[\[\s*[\"']?entity[\"']?\s*\]\]")


class AliasError(ValueError):
    """The file cannot be used; the message names the file, the line, and what is allowed there."""


class Entry(BaseModel):
    """One person, organisation, place or other thing that the user knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    label: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z_]*$")]
    aliases: tuple[_Name, ...] = ()
    identifier: Annotated[str, StringConstraints(pattern=r"^\S{1,200}$")] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


class Aliases:
    """Finds the entry of a name."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._exact: dict[str, dict[str, Entry]] = {}  # by folded name, then label
        self._alike: dict[tuple[str, str], set[Entry]] = {}  # by label and key: titles and company forms apart
        for entry in entries:
            for name in entry.names:
                self._exact.setdefault(fold(name), {})[entry.label] = entry
                self._alike.setdefault((entry.label, key_of(name, entry.label)), set()).add(entry)

    def __bool__(self) -> bool:
        return bool(self._exact)

    def has(self, name: str) -> bool:
        """Whether a name stands in the file as it is written, whatever it means there."""
        return fold(name) in self._exact

    def written(self, name: str, label: str) -> Entry | None:
        """Return the entity whose name stands in the file as it is written; a lone word may be a surname instead."""
        if label == "PERSON" and " " not in name:
            return None
        exact = self._exact.get(fold(name), {})
        return exact.get(label) or (next(iter(exact.values())) if len(exact) == 1 else None)

    def find(self, name: str, label: str) -> Entry | None:
        """Return what the user calls so; where the model gave another label the user is right, if nothing is unsure."""
        exact = self._exact.get(fold(name), {})
        if entry := exact.get(label):
            return entry
        alike = self._alike.get((label, key_of(name, label)), set())
        if len(alike) == 1:
            return next(iter(alike))
        if len(exact) != 1:
            return None
        ((other, entry),) = exact.items()
        return entry if " " in name or "PERSON" not in (label, other) else None  # a lone word may be a surname


NONE = Aliases(())


class Cluster(NamedTuple):
    """The mentions of one thing, in the order of the text, and what the user says of it."""

    spans: Sequence[Span]
    entry: Entry | None = None


def link(text: str, clusters: Sequence[Sequence[Span]], aliases: Aliases) -> list[Cluster]:
    """Link each cluster by its fullest form, else by the only entity that its forms are written as.

    Clusters of one entity become one; a surname alone links nothing.
    """
    if not aliases:
        return [Cluster(spans) for spans in clusters]
    linked: list[Cluster] = []
    places: dict[Entry, int] = {}
    for spans in clusters:
        label = most_frequent([span.label for span in spans])
        forms = list(dict.fromkeys(text[span.start : span.end] for span in spans))
        entry = aliases.find(fullest(forms, label), label)
        if entry is None:
            written = {found for form in forms if (found := aliases.written(form, label))}
            entry = written.pop() if len(written) == 1 else None
        if entry in places:
            place = places[entry]
            linked[place] = Cluster(sorted([*linked[place].spans, *spans]), entry)
            continue
        if entry:
            places[entry] = len(linked)
        linked.append(Cluster(spans, entry))
    return linked


def read(file: Path) -> tuple[Entry, ...]:
    """Return the entries of a file; raises AliasError."""
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise AliasError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AliasError(f"{file}: no TOML: {error}") from None
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADING.match(line)]
    tables = content.pop("entity", [])
    if content or not isinstance(tables, list) or len(lines) != len(tables):
        wrong = f"{', '.join(content)} is not read; " if content else ""
        raise AliasError(f"{file}, line 1: {wrong}allowed here is a list of [[entity]] tables")
    placed = list(zip(lines, tables, strict=True))
    entries = [(line, _entry(file, line, table)) for line, table in placed]
    _refuse_doubles(file, entries)
    return tuple(entry for _, entry in entries)


def _entry(file: Path, line: int, table: Mapping[str, Any]) -> Entry:
    try:
        return Entry.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        allowed = f"; allowed are {', '.join(Entry.model_fields)}" if first["type"] == "extra_forbidden" else ""
        raise AliasError(
            f"{file}, line {line}: entity {table.get('name')!r}: {place}: {first['msg']}{allowed}"
        ) from None


def _refuse_doubles(file: Path, entries: Iterable[tuple[int, Entry]]) -> None:
    """Of two things with one name and one label no article could say which it means."""
    seen: dict[tuple[str, str], int] = {}
    for line, entry in entries:
        for name in entry.names:
            before = seen.setdefault((entry.label, fold(name)), line)
            if before != line:
                double = f"{name!r} already means the {entry.label} of line {before}"
                raise AliasError(f"{file}, line {line}: entity {entry.name!r}: {double}")


MAX_NAME = 80  # code points; what is longer is a sentence the model took for a title


@dataclass(frozen=True)
class Options:
    """Which labels and names are kept, and what the user knows of them; what is not kept is told as dropped."""

    labels: frozenset[str] = frozenset(LABELS)
    longest_name: int = MAX_NAME
    least_mentions: int = 1
    aliases: Aliases = NONE


DEFAULT = Options()
