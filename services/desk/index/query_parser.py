"""What people type into the search box, parsed: words, "phrases", -exclusions, and fields such as ``title:``. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from services.desk.search_engine import InvalidQueryError

FIELDS = ("title", "source", "lang", "agency", "entity", "since", "until")
_MOST_CLAUSES = 64
_LONGEST = 2000  # characters
_FIELD = re.compile(r"([A-Za-z]+):(?=[^\s:/])")
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T.*)?)?)?")


@dataclass(frozen=True)
class Clause:
    """One condition: ``field`` is empty for title and text together."""

    field: str
    value: str
    phrase: bool = False
    excluded: bool = False


@dataclass(frozen=True)
class Parsed:
    clauses: tuple[Clause, ...] = ()
    since: datetime | None = None  # inclusive
    until: datetime | None = None  # exclusive


def parse(text: str) -> Parsed:
    """Return the conditions of a text; every one has to be met. Raises InvalidQueryError."""
    if len(text) > _LONGEST:
        raise InvalidQueryError(f"A query has at most {_LONGEST} characters; this one has {len(text)}.")
    clauses: list[Clause] = []
    since = until = None
    place = 0
    while (place := _skip_space(text, place)) < len(text):
        clause, place = _clause(text, place)
        if clause.field in {"since", "until"}:
            moment = _moment(clause)
            since, until = (moment, until) if clause.field == "since" else (since, moment)
        elif clause.value.strip():
            clauses.append(clause)
        if len(clauses) > _MOST_CLAUSES:
            raise InvalidQueryError(f"A query has at most {_MOST_CLAUSES} words and conditions.")
    return Parsed(tuple(clauses), since, until)


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _clause(text: str, place: int) -> tuple[Clause, int]:
    excluded = text[place] == "-" and place + 1 < len(text) and not text[place + 1].isspace()
    place += excluded
    field = ""
    if match := _FIELD.match(text, place):
        name = match[1].lower()
        if name in FIELDS:
            field, place = name, match.end()
        elif near := get_close_matches(name, FIELDS, 1, cutoff=0.75):
            raise InvalidQueryError(
                f"There is no field {match[1]!r} (character {place + 1}); did you mean {near[0]}:? "
                f'To search for it as words, put it between quotes: "{match[1]}:…".'
            )
    if place < len(text) and text[place] == '"':
        end = text.find('"', place + 1)
        if end < 0:
            raise InvalidQueryError(f'The quotation mark at character {place + 1} has no second one: "like this".')
        return Clause(field, text[place + 1 : end], phrase=True, excluded=excluded), end + 1
    end = place
    while end < len(text) and not text[end].isspace():
        end += 1
    return Clause(field, text[place:end], excluded=excluded), end


def _moment(clause: Clause) -> datetime:
    """Read a year, a month, a day or a time; without an offset it is UTC."""
    value = clause.value
    example = f"{clause.field}:2026-03-01"
    if clause.excluded:
        raise InvalidQueryError(f"{clause.field}: cannot be excluded; use the other one of since: and until:.")
    if not _DATE.fullmatch(value):
        raise InvalidQueryError(f"{clause.field}:{value[:40]} is no date; write it as {example}.")
    padded = value + {4: "-01-01", 7: "-01"}.get(len(value), "")
    try:
        moment = datetime.fromisoformat(padded)
    except ValueError as error:
        raise InvalidQueryError(f"{clause.field}:{value[:40]} is no date ({error}); write it as {example}.") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
