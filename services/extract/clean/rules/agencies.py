"""News agencies: lines that name nothing else, and agency names inside credits."""

import re

from services.extract.clean.rules import packs
from services.extract.clean.rules.packs import from_packs
from services.extract.clean.text.words import tokens

_SEPARATOR = r"\s*(?:[/,;|&+–-]|\b(?:and|und|et|y|e|en|with|via)\b)\s*"  # noqa: RUF001 - the dash is meant
_LEAD = r"(?i:(?:with|sources?|quellen?|mit|von|by|bron|źródło|fonte|fuente|com|con|avec|©|\(c\))\s*:?\s*)"
_MAX = 90  # characters; a longer line says more than who wrote it


@from_packs
def _file() -> packs.Pack:
    return packs.agencies()


def _listed() -> dict[str, list[str]]:
    return {kind: _file()[kind] for kind in ("news", "pictures", "upper_case_only")}


def _any_of(kinds: tuple[str, ...]) -> str:
    """Return a pattern for the names, longest first; case counts only where the name is also a word."""
    exact = set(_listed()["upper_case_only"])
    names = sorted({name for kind in kinds for name in _listed()[kind]}, key=lambda name: (-len(name), name))
    loose = "|".join(re.escape(name) for name in names if name not in exact)
    strict = "|".join(re.escape(name) for name in names if name in exact)
    return rf"(?:(?i:{loose})|{strict})"


@from_packs
def _line_pattern() -> re.Pattern[str]:
    name = _any_of(("news",))
    return re.compile(rf"\W*{_LEAD}?({name}(?:{_SEPARATOR}{name})*)\W*")


@from_packs
def name_pattern() -> re.Pattern[str]:
    """Return what matches the name of any agency, of news or of pictures, as a whole word."""
    return re.compile(rf"(?<!\w){_any_of(('news', 'pictures'))}(?!\w)")


@from_packs
def last_words() -> frozenset[str]:
    """Return the last word of each agency's name: a line without any of them names none."""
    return frozenset(tokens(name)[-1] for kind in ("news", "pictures") for name in _listed()[kind])


@from_packs
def _names() -> dict[str, str]:
    """Return how each agency is called in the result, by how it may be written."""
    called = {name.casefold(): name for name in reversed(_listed()["news"])}
    same: dict[str, str] = _file()["same"]
    return called | same


def agencies_in(text: str) -> str | None:
    """Return the agencies of a line that names nothing else, such as "AFP/Reuters"; None if it says more."""
    if len(text) > _MAX:
        return None
    found = _line_pattern().fullmatch(text)
    if found is None:
        return None
    written = (piece.casefold() for piece in re.split(_SEPARATOR, found[1]) if piece)
    return "/".join(dict.fromkeys(_names().get(piece, piece) for piece in written))
