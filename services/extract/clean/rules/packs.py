"""Rule packs: the TOML files in ``languages`` and a folder with which users extend them, read and checked.

    languages/<code>.toml   what boilerplate says: the sections of our own files, and [off], phrases of ours left out
    agencies.toml           more names of agencies
    sources/<source>.toml   lines of one source that always go, and lines that always stay

A folder is checked as a whole before anything of it counts; every mistake is named with its file and line.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from services.extract.clean.text import tokens

Pack = Mapping[str, Any]
BOILERPLATE_RULES = (
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
GAP = "…"  # in an entry of `starts`: the line begins with what stands before it, and what stands behind is inside
PHRASES = ("lines", "starts", "inside")
_LANGUAGE = {
    **dict.fromkeys(BOILERPLATE_RULES, PHRASES),
    "byline": ("starts", "roles", "and"),
    "caption": ("credit", "mark"),
    "date_line": ("words",),
    "section": ("names",),
    "off": ("phrases",),
}
_SOURCE = {"remove": PHRASES, "keep": ("lines",)}
_AGENCIES = ("news", "pictures", "upper_case_only")
_AGENCIES_FILE = "agencies.toml"
_LANGUAGE_FILE = re.compile(r"languages/[a-z]{2,3}\.toml")
_SOURCE_FILE = re.compile(r"sources/[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.toml")


class PackError(ValueError):
    """A pack that cannot be used; the message names the file, the line, and what is allowed there."""


@dataclass(frozen=True)
class Packs:
    """What all packs say: of languages and sources as their files have it, of agencies ours and the users' together."""

    languages: tuple[Pack, ...]  # the users' before ours: of two that say the same, the first counts
    agencies: Pack
    sources: Mapping[str, Pack]  # by source
    files: tuple[str, ...]  # of the users, relative to their folder


def read(folder: Path | None = None) -> Packs:
    """Read our own packs, and the users' from a folder; about 20 ms. Raises PackError."""
    users = _read(folder) if folder else {}
    ours = resources.files(__package__) / "languages"
    own = {file.name: tomllib.loads(file.read_text(encoding="utf-8")) for file in ours.iterdir()}
    languages = [pack for name, pack in users.items() if _LANGUAGE_FILE.fullmatch(name)]
    languages += [pack for name, pack in sorted(own.items()) if name != _AGENCIES_FILE]
    return Packs(
        tuple(languages),
        _agencies(own[_AGENCIES_FILE], users.get(_AGENCIES_FILE, {})),
        {Path(name).stem: pack for name, pack in users.items() if _SOURCE_FILE.fullmatch(name)},
        tuple(users),
    )


def _agencies(ours: Pack, users: Pack) -> Pack:
    lists: dict[str, Any] = {kind: [*ours[kind], *users.get(kind, ())] for kind in _AGENCIES}
    return lists | {"same": ours["same"] | {key.casefold(): name for key, name in users.get("same", {}).items()}}


def _read(folder: Path) -> dict[str, Pack]:
    if not folder.is_dir():
        raise PackError(f"{folder}: no such folder of rule packs")
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*.toml")}
    return {name: _checked(file, name) for name, file in sorted(files.items())}


def _checked(file: Path, name: str) -> Pack:
    try:
        text = file.read_text(encoding="utf-8")
        pack = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackError(f"{file}: no TOML: {error}") from None
    location = _Location(file, text)
    if name == _AGENCIES_FILE:
        same = pack.get("same", {})
        if not isinstance(same, dict) or not all(isinstance(value, str) for value in same.values()):
            raise location.error("same", None, 'a table: "how it is written" = "Name"')
        _check_keys(
            location, None, {key: value for key, value in pack.items() if key != "same"}, (*_AGENCIES, "[same]")
        )
    elif _LANGUAGE_FILE.fullmatch(name):
        _check_sections(location, pack, _LANGUAGE)
    elif _SOURCE_FILE.fullmatch(name):
        _check_sections(location, pack, _SOURCE)
    else:
        raise PackError(f"{file}: not read; allowed: agencies.toml, languages/<code>.toml, sources/<source>.toml")
    return pack


def _check_sections(location: "_Location", pack: Pack, allowed: Mapping[str, tuple[str, ...]]) -> None:
    for section, entries in pack.items():
        if section not in allowed or not isinstance(entries, dict):
            raise location.error(section, None, "one of " + ", ".join(f"[{name}]" for name in allowed))
        _check_keys(location, section, entries, allowed[section])


def _check_keys(location: "_Location", section: str | None, entries: Pack, allowed: tuple[str, ...]) -> None:
    for key, texts in entries.items():
        if key not in allowed:
            raise location.error(section, key, "one of " + ", ".join(allowed))
        if not isinstance(texts, list) or not all(
            isinstance(text, str) and all(map(tokens, text.split(GAP))) for text in texts
        ):
            raise location.error(section, key, 'a list of texts with words in them, such as ["subscribe now"]')


def _has_words(text: object) -> bool:
    return isinstance(text, str) and all(map(tokens, text.split(GAP)))


class _Location:
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
