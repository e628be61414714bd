"""Where and when it was written: the dateline before the first sentence, and lines that are only a date."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.extract.clean.rules.agencies import agencies_in
from services.extract.clean.rules.vocabulary import vocabulary

_WITH_AGENCY = re.compile(r"(?P<place>[^()]{0,70}?)[\s,]*\((?P<agency>[^()]{2,40})\)\s*[-–—:|]+\s*(?=\S)")  # noqa: RUF001
_IN_CAPITALS = re.compile(
    r"(?P<place>[^\W\d_a-zà-ÿ](?:[^\W\d_a-zà-ÿ]|[.'’/ -]){2,40}?(?:,[^()–—]{2,30}?)?)\s+(?:--|[-–—])\s+"  # noqa: RUF001
    r"(?=[\"“«„]?[^\W_a-zà-ÿ])"
)
_MAX_PLACE_WORDS = 8
_MAX_DATE_WORDS = 24
_MAX_STRANGE_WORDS = 1


@dataclass(frozen=True, slots=True)
class Dateline:
    """The text up to where the sentence begins, and what it says."""

    text: str
    place: str | None
    agency: str | None


def dateline_of(text: str) -> Dateline | None:
    """Return the dateline a paragraph begins with: "CITY, March 3 (AGENCY) -" or "CITY -" in capitals."""
    found = _WITH_AGENCY.match(text)
    if found and (agency := agencies_in(found["agency"])) and _is_place(found["place"]):
        return Dateline(found[0].rstrip(), found["place"].strip(" ,") or None, agency)
    found = _IN_CAPITALS.match(text)
    if found and _is_place(found["place"]):
        return Dateline(found[0].rstrip(), found["place"].strip(" ,"), None)
    return None


def _is_place(place: str) -> bool:
    return not place or (place[0].isupper() and len(place.split()) <= _MAX_PLACE_WORDS)


def is_date_line(found: Sequence[str]) -> bool:
    """Tell whether the words of a line are those of a date, a time of day or an age, with a number among them."""
    if not found or len(found) > _MAX_DATE_WORDS or not any(word[0] == "#" for word in found):
        return False
    dates = vocabulary().dates
    strange = sum(word not in dates and word[0] != "#" for word in found)
    return strange <= _MAX_STRANGE_WORDS and strange * 4 < len(found) and len(found) > 1
