"""Who wrote it: lines such as "By Jane Doe, Political Editor"."""

import re
from collections.abc import Set as AbstractSet

from services.extract.clean.rules.agencies import Agencies
from services.extract.clean.rules.vocabulary import Vocabulary
from services.extract.clean.text import looks_like_names, tokens

_WORDS = range(2, 19)
_NAME = re.compile(r"[^\W\d_][\w.'’\-]*(?:\s+[^\W\d_][\w.'’\-]*){1,5}")
_CAPITALS = range(2, 5)
_PARTICLES = frozenset(  # of surnames, in small letters: Jan van den Berg, Pedro de la Rosa
    "af al av ben bin da das de del della den der di do dos du e el ibn la le ten ter van vom von y zu zum zur".split()  # noqa: SIM905 - a list of quoted words is no clearer
)
_FIGURES = re.compile(r"\s+\d.*")  # a date on the same line
_COMPOUND = 8  # letters; a shorter role ends many a name
_SENTENCE = re.compile(r"[!?;:]|[^\W\d_]{3,}\.\s")


def byline_in(text: str, found: list[str], vocabulary: Vocabulary) -> str | None:
    """Return the names of a line that begins as bylines do and goes on with nothing but names."""
    if len(found) not in _WORDS:
        return None
    for phrase in vocabulary.byline.get(found[0], ()):
        if tuple(found[: len(phrase)]) == phrase and len(found) > len(phrase):
            rest = _after(text, len(phrase))
            return _names(rest, vocabulary) if _is_names(rest, vocabulary) else None
    return None


def is_name(text: str) -> bool:
    """Tell whether a line is nothing but one name: two to four words with a capital, particles of surnames between."""
    if _NAME.fullmatch(text) is None:
        return False
    first, *others, last = text.split()
    capitals = 2 + sum(word[0].isupper() for word in others)
    between = all(word[0].isupper() or word in _PARTICLES for word in others)
    return first[0].isupper() and last[0].isupper() and capitals in _CAPITALS and between


def agency_in_byline(names: str, vocabulary: Vocabulary, agencies: Agencies) -> str | None:
    """Return the agency among the names, as in "Jane Doe and Reuters"."""
    for piece in re.split(rf"\s*[,/]\s*|\s+(?:{'|'.join(sorted(vocabulary.joins))})\s+", names):
        if agency := agencies.named_by(piece):
            return agency
    return None


def _after(text: str, words: int) -> str:
    found = re.match(rf"\W*(?:\w+\W+){{{words}}}", text)
    return text[found.end() :].strip(" :.,|–—-") if found else ""


def _is_names(rest: str, vocabulary: Vocabulary) -> bool:
    if not rest or _SENTENCE.search(rest) or rest[0].islower() or not rest[0].isalpha():
        return False
    return looks_like_names(_names(rest, vocabulary)) and not any(word.isdecimal() for word in rest.split()[:2])


def _is_role(word: str, roles: AbstractSet[str]) -> bool:
    """Tell whether a word is a role, or a compound of one, as German makes them."""
    return word in roles or any(word.endswith(role) for role in roles if len(role) >= _COMPOUND)


def _names(rest: str, vocabulary: Vocabulary) -> str:
    """Return what stands before the first role: "Jane Doe, Political Editor" is Jane Doe."""
    pieces = re.split(r"(\s*[,|•·–—]\s*)", rest)
    kept = [pieces[0]]
    for separator, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        words = tokens(piece)
        if any(_is_role(word, vocabulary.roles) for word in words) or any(word.startswith("#") for word in words):
            break
        kept += [separator, piece]
    return _FIGURES.sub("", "".join(kept)).strip()
