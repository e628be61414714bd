"""What two forms of one name have in common."""

import re
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import combining, normalize

from services.extract.entities.place_variants import same_place

_TITLE = re.compile(
    r"(?:mr|mrs|ms|miss|dr|prof|professor|sir|dame|lord|lady|baron|baroness|count|duke|duchess|king|queen|prince"
    r"|princess|emperor|sheikh|pope|cardinal|archbishop|bishop|rev|reverend|rabbi|imam|ayatollah|saint"
    r"|(?:vice |deputy |former |acting |prime |foreign |home |attorney |first |co-)*(?:president|premier|chancellor"
    r"|minister|secretary|general|ambassador|chairman|chairwoman|chair|chief|founder|mayor)"
    r"|sen|senator|rep|representative|congressman|congresswoman|gov|governor|councillor|commissioner|judge|justice"
    r"|gen|maj|major|col|colonel|capt|captain|sgt|sergeant|lt|lieutenant|cmdr|commander|adm|admiral|officer|detective"
    r"|sheriff|superintendent|coach|herr|frau|monsieur|madame|mme|m|señor|señora|signor|signora)\b\.?\s+(?=\S)",
    re.IGNORECASE,
)
_GENERATION = re.compile(r",?\s+(?:jr|sr|ii|iii|iv)\.?$")
_COMPANY = re.compile(
    r"[,\s]+(?:inc|corp|corporation|co|company|companies|cos|ltd|limited|llc|llp|lp|plc|group|holdings?|ag|sa|nv|gmbh"
    r"|spa|se|bhd)\.?$"
)
_INITIAL = re.compile(r"\b([^\W\d_])\.")
_NO_SUFFIX = frozenset({"PERSON", "GPE", "NORP"})
_SMALL = frozenset({"of", "and", "the", "for", "&"})
_MAX_ACRONYM = 8
_LONG = 6  # letters of a word in which one may be wrong


@lru_cache(4096)
def fold(name: str) -> str:
    """Return the name without regard to case, kind of apostrophe and width of spaces."""
    return " ".join(name.replace("’", "'").casefold().split())  # noqa: RUF001 - the apostrophe is meant


def plain(folded: str) -> str:
    """Return the name without accents, hyphens and the full stops of initials, which writers set as they like."""
    letters = folded.replace("-", " ")
    if not letters.isascii():
        letters = "".join(char for char in normalize("NFKD", letters) if not combining(char))
    return " ".join(_INITIAL.sub(r"\1", letters).split())


@lru_cache(4096)
def key_of(name: str, label: str) -> str:
    """Return what equals for equal names: no titles, no company forms, one form for the few countries."""
    key = fold(name)
    if label == "PERSON":
        return plain(_GENERATION.sub("", without_title(key)) or key)
    key = plain(same_place(key.removeprefix("the ")))
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


def is_slip(word: str, other: str) -> bool:
    """Whether two long words differ in one letter: left out, put in, taken for another, or changed with the next."""
    if word[0] != other[0] or word == other or min(len(word), len(other)) < _LONG or abs(len(word) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    one, two = word[start:], other[start:]
    return one[1:] == two[1:] or one[1:] == two or one == two[1:] or (one[:2] == two[1::-1] and one[2:] == two[2:])


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
