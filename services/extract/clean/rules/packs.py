"""Rule packs: the TOML files beside this module, and a folder with which users extend them.

    languages/<code>.toml   what page furniture says: the sections of our own files, and [off], phrases of ours left out
    agencies.toml           more names of agencies
    sources/<source>.toml   lines of one source that always go, and lines that always stay

A folder is checked as a whole before anything of it counts; every mistake is named with its file and place.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from services.extract.clean.text.words import tokens

Pack = Mapping[str, Any]
FURNITURE = (
    "promo",
    "comment_prompt",
    "read_more",
    "related_link",
    "share",
    "navigation",
    "copyright",
    "advertisement",
    "editor_note",
    "sign_off",
)
PHRASES = ("lines", "starts", "inside")
_LANGUAGE = {
    **dict.fromkeys(FURNITURE, PHRASES),
    "byline": ("starts", "roles", "and"),
    "caption": ("credit", "mark"),
    "date_line": ("words",),
    "off": ("phrases",),
}
_SOURCE = {"remove": PHRASES, "keep": ("lines",)}
_AGENCIES = ("news", "pictures", "upper_case_only")
_LANGUAGE_FILE = re.compile(r"languages/[a-z]{2,3}\.toml")
_SOURCE_FILE = re.compile(r"sources/[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.toml")

F = TypeVar("F", bound=Callable[..., Any])


class PackError(ValueError):
    """A pack that cannot be used; the message names the file, the place, and what is allowed there."""


class _Cached(Protocol):
    def cache_clear(self) -> None: ...


_caches: list[_Cached] = []
_users: dict[str, Pack] = {}


def from_packs(function: F) -> F:
    """Compute once from the packs, and anew after others are in use."""
    cached = cache(function)
    _caches.append(cached)
    return cast("F", cached)


def use(folder: Path | None) -> list[str]:
    """Read a folder over our own packs, or none; return the names of its files. Raises PackError, and changes nothing.

    For the start of a process: what is cleaned after it follows the new packs.
    """
    read = _read(folder) if folder else {}
    _users.clear()
    _users.update(read)
    for cached in _caches:
        cached.cache_clear()
    return sorted(read)


def languages() -> Iterator[Pack]:
    """Yield the packs of all languages, the users' before ours: of two that say the same, the first counts."""
    yield from (pack for name, pack in sorted(_users.items()) if _LANGUAGE_FILE.fullmatch(name))
    for name in sorted(file.name for file in _ours().iterdir()):
        if name.endswith(".toml") and name != "agencies.toml":
            yield _our(name)


def agencies() -> Pack:
    """Return the lists of agencies, ours and the users' together."""
    ours, users = _our("agencies.toml"), _users.get("agencies.toml", {})
    lists: dict[str, Any] = {kind: [*ours[kind], *users.get(kind, ())] for kind in _AGENCIES}
    return lists | {"same": ours["same"] | {key.casefold(): name for key, name in users.get("same", {}).items()}}


def of_source(source: str | None) -> Pack:
    """Return what the users say of a source; empty for most."""
    return _users.get(f"sources/{source}.toml", {})


def _ours() -> Any:  # noqa: ANN401 - importlib's Traversable has moved between the releases of Python
    return resources.files(__package__) / "languages"


def _our(name: str) -> dict[str, Any]:
    return tomllib.loads((_ours() / name).read_text(encoding="utf-8"))


def _read(folder: Path) -> dict[str, Pack]:
    if not folder.is_dir():
        raise PackError(f"{folder}: no such folder of rule packs")
    found = sorted(file for file in folder.rglob("*.toml"))
    return {file.relative_to(folder).as_posix(): _checked(file, file.relative_to(folder).as_posix()) for file in found}


def _checked(file: Path, name: str) -> Pack:
    try:
        text = file.read_text(encoding="utf-8")
        pack = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackError(f"{file}: no TOML: {error}") from None
    place = _Place(file, text)
    if name == "agencies.toml":
        same = pack.get("same", {})
        if not isinstance(same, dict) or not all(isinstance(value, str) for value in same.values()):
            raise place.error("same", None, 'a table: "how it is written" = "Name"')
        _check_keys(place, None, {key: value for key, value in pack.items() if key != "same"}, (*_AGENCIES, "[same]"))
    elif _LANGUAGE_FILE.fullmatch(name):
        _check_sections(place, pack, _LANGUAGE)
    elif _SOURCE_FILE.fullmatch(name):
        _check_sections(place, pack, _SOURCE)
    else:
        raise PackError(f"{file}: not read; allowed: agencies.toml, languages/<code>.toml, sources/<source>.toml")
    return pack


def _check_sections(place: "_Place", pack: Pack, allowed: Mapping[str, tuple[str, ...]]) -> None:
    for section, entries in pack.items():
        if section not in allowed or not isinstance(entries, dict):
            raise place.error(section, None, "one of " + ", ".join(f"[{name}]" for name in allowed))
        _check_keys(place, section, entries, allowed[section])


def _check_keys(place: "_Place", section: str | None, entries: Pack, allowed: tuple[str, ...]) -> None:
    for key, texts in entries.items():
        if key not in allowed:
            raise place.error(section, key, "one of " + ", ".join(allowed))
        if not isinstance(texts, list) or not all(isinstance(text, str) and tokens(text) for text in texts):
            raise place.error(section, key, 'a list of texts with words in them, such as ["subscribe now"]')


class _Place:
    """Where in a file a mistake is."""

    def __init__(self, file: Path, text: str) -> None:
        self._file, self._lines = file, text.splitlines()

    def error(self, section: str | None, key: str | None, allowed: str) -> PackError:
        start = self._line(rf"\s*\[\s*[\"']?{re.escape(section)}[\"']?\s*\]", 0) if section else 0
        number = self._line(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", start) if key else start
        if section and not key and not number:
            number = self._line(rf"\s*[\"']?{re.escape(section)}[\"']?\s*=", 0)
        what = " ".join(part for part in (f"[{section}]" if section else "", key or "") if part)
        return PackError(f"{self._file}, line {number or 1}: {what}: allowed here is {allowed}")

    def _line(self, pattern: str, after: int) -> int:
        numbered = enumerate(self._lines[after:], after + 1)
        return next((number for number, line in numbered if re.match(pattern, line)), after)
