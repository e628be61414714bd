"""What two forms of one name have in common."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

_FORMS = {
    "united states": ("us", "u.s.", "u.s", "usa", "u.s.a.", "america", "united states of america"),
    "united kingdom": ("uk", "u.k.", "britain", "great britain"),
    "united nations": ("un", "u.n."),
    "european union": ("eu", "e.u."),
    "united arab emirates": ("uae", "u.a.e."),
}
_SAME: Mapping[str, str] = MappingProxyType({form: name for name, forms in _FORMS.items() for form in forms})
_TITLE = re.compile(
    r"(?:mr|mrs|ms|miss|dr|prof|professor|sir|dame|lord|lady|president|premier|chancellor|prime minister|minister|sen"
    r"|senator|rep|gov|governor|gen|general|col|colonel|capt|captain|sgt|sergeant|lt|judge|justice|king|queen|prince"
    r"|princess|pope|mayor|secretary|chairman|chief|sheikh|rev|reverend|saint)\b\.?\s+(?=\S)",
    re.IGNORECASE,
)
_GENERATION = re.compile(r",?\s+(?:jr|sr|ii|iii|iv)\.?$")
_COMPANY = re.compile(
    r"[,\s]+(?:inc|corp|corporation|co|company|companies|cos|ltd|limited|llc|llp|lp|plc|group|holdings?|ag|sa|nv|gmbh"
    r"|spa|se|bhd)\.?$"
)
_NO_SUFFIX = frozenset({"PERSON", "GPE", "NORP"})
_SMALL = frozenset({"of", "and", "the", "for", "&"})
_MAX_ACRONYM = 8


@lru_cache(4096)
def fold(name: str) -> str:
    """Return the name without regard to case, kind of apostrophe and width of spaces."""
    return " ".join(name.replace("’", "'").casefold().split())  # noqa: RUF001 - the apostrophe is meant


@lru_cache(4096)
def key_of(name: str, label: str) -> str:
    """Return what equals for equal names: no titles, no company forms, one form for the few countries."""
    key = fold(name)
    if label == "PERSON":
        return _GENERATION.sub("", without_title(key)) or key
    key = _SAME.get(key, key)
    if label not in _NO_SUFFIX:
        while shorter := _COMPANY.sub("", key):
            if shorter == key:
                break
            key = shorter
    return key


def without_title(name: str) -> str:
    """Take titles off the front, several if there are: Prime Minister Dr. Name."""
    while title := _TITLE.match(name):
        name = name[title.end() :]
    return name


def fullest(forms: Sequence[str], label: str) -> str:
    """Return the longest form, of a person preferably one with a first name and without a title."""
    bare = [form for form in forms if " " in form and without_title(form) == form] if label == "PERSON" else []
    return max(bare or forms, key=len)


def is_acronym(name: str) -> bool:
    """Whether the name may be the initials of another."""
    letters = name.replace(".", "")
    return 1 < len(letters) <= _MAX_ACRONYM and letters.isalnum() and letters.isupper()


def acronyms_of(name: str) -> set[str]:
    """Return the acronyms, in capitals, that writers make of a name of several words."""
    words = [word for word in re.split(r"[\s\-]+", name) if word[:1].isalpha()]
    capitals = "".join(word[0] for word in words if word[0].isupper())
    without_small = "".join(word[0] for word in words if word[0].isupper() and word.casefold() not in _SMALL)
    return {short for short in (capitals, without_small, "".join(word[0] for word in words).upper()) if len(short) > 1}
