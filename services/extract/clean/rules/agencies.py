"""News agencies: their names in lines of their own and in credits, and the dateline "CITY (AGENCY) -"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.extract.clean.rules.packs import Pack
from services.extract.clean.rules.vocabulary import Vocabulary
from services.extract.clean.text import tokens

_SEPARATOR = r"\s*(?:[/,;|&+–-]|\b(?:and|und|et|y|e|en|with|via)\b)\s*"  # noqa: RUF001 - the dash is meant
_LEAD = r"(?i:(?:with|sources?|quellen?|mit|von|by|bron|źródło|fonte|fuente|com|con|avec|©|\(c\))\s*:?\s*)"
_MAX = 90  # characters; a longer line says more than who wrote it
_WITH_AGENCY = re.compile(r"(?P<place>[^()]{0,70}?)[\s,]*\((?P<agency>[^()]{2,40})\)\s*[-–—:|]+\s*(?=\S)")  # noqa: RUF001
_IN_CAPITALS = re.compile(
    r"(?P<place>[^\W\d_a-zà-ÿ](?:[^\W\d_a-zà-ÿ]|[.'’/ -]){2,40}?(?:,[^()–—]{2,30}?)?)\s+(?:--|[-–—])\s+"  # noqa: RUF001
    r"(?=[\"“«„]?[^\W_a-zà-ÿ])"
)
_MAX_PLACE_WORDS = 8
_MAX_DATE_WORDS = 24
_MAX_STRANGE_WORDS = 1


class Agencies:
    """The names of agencies, those of news and those that only credit a picture, compiled from their pack."""

    def __init__(self, pack: Pack) -> None:
        news, pictures = pack["news"], pack["pictures"]
        exact = frozenset(pack["upper_case_only"])
        self.name = re.compile(rf"(?<!\w){_any_of((*news, *pictures), exact)}(?!\w)")  # of any agency, as a whole word
        self.last_words = frozenset(tokens(name)[-1] for name in (*news, *pictures))  # a line without any names none
        called = {name.casefold(): name for name in reversed(news)}
        self._called: dict[str, str] = called | pack["same"]  # in the result, by how it may be written
        name = _any_of(news, exact)
        self._line = re.compile(rf"\W*{_LEAD}?({name}(?:{_SEPARATOR}{name})*)\W*")

    def named_by(self, text: str) -> str | None:
        """Return the agencies of a line that names nothing else, such as "AFP/Reuters"; None if it says more."""
        if len(text) > _MAX:
            return None
        found = self._line.fullmatch(text)
        if found is None:
            return None
        written = (piece.casefold() for piece in re.split(_SEPARATOR, found[1]) if piece)
        return "/".join(dict.fromkeys(self._called.get(piece, piece) for piece in written))


def _any_of(names: Sequence[str], exact: frozenset[str]) -> str:
    """Return a pattern for the names, longest first; case counts only where the name is also a word."""
    ordered = sorted(set(names), key=lambda name: (-len(name), name))
    loose = "|".join(re.escape(name) for name in ordered if name not in exact)
    strict = "|".join(re.escape(name) for name in ordered if name in exact)
    return rf"(?:(?i:{loose})|{strict})"


@dataclass(frozen=True, slots=True)
class Dateline:
    """The text up to where the sentence begins, and what it says."""

    text: str
    place: str | None
    agency: str | None


def dateline_of(text: str, agencies: Agencies) -> Dateline | None:
    """Return the dateline a paragraph begins with: "CITY, March 3 (AGENCY) -" or "CITY -" in capitals."""
    found = _WITH_AGENCY.match(text)
    if found and (agency := agencies.named_by(found["agency"])) and _is_place(found["place"]):
        return Dateline(found[0].rstrip(), found["place"].strip(" ,") or None, agency)
    found = _IN_CAPITALS.match(text)
    if found and _is_place(found["place"]):
        return Dateline(found[0].rstrip(), found["place"].strip(" ,"), None)
    return None


def _is_place(place: str) -> bool:
    return not place or (place[0].isupper() and len(place.split()) <= _MAX_PLACE_WORDS)


def is_date_line(found: Sequence[str], vocabulary: Vocabulary) -> bool:
    """Tell whether the words of a line are those of a date, a time of day or an age, with a number among them."""
    if not found or len(found) > _MAX_DATE_WORDS or not any(word[0] == "#" for word in found):
        return False
    strange = sum(word not in vocabulary.dates and word[0] != "#" for word in found)
    return strange <= _MAX_STRANGE_WORDS and strange * 4 < len(found) and len(found) > 1
