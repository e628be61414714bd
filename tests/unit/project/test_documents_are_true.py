"""What README and docs tell people to type exists, and what they link to is there."""

import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic_settings import BaseSettings

from services.desk.settings import DeskSettings
from services.extract.settings import ExtractSettings
from services.ingest.settings import IngestSettings
from shared.limits import Limits, age_text, size_text
from shared.settings import Settings, TlsSettings, variable
from tests.documents import documented_service
from tests.faults.report import Report, untold
from tests.faults.rig import reliability_page as reliability
from tests.paths import ROOT
from wireroom.cli.lazy_group import LazyCommand
from wireroom.cli.main import app

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


_CALL = re.compile(r"(?<![\w/-])(?:wireroom|run --rm(?: -T)?(?: --user \S+)? tools) ([a-z][^\n|#;`…]*)")


def written_commands(text: str) -> Iterator[str]:
    """Yield each call of the command in the code of a page, up to what ends or pipes it."""
    for code in re.findall(r"^```.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL):
        joined = code.strip("`").replace("\\\n", " ")
        yield from _CALL.findall(joined)


def loaded(command: Any) -> Any:  # noqa: ANN401 - Typer's own
    """Import a command that is only listed so far, and so know its flags."""
    return command.load() if isinstance(command, LazyCommand) else command


@pytest.fixture(scope="module")
def commands() -> Any:  # noqa: ANN401 - Typer's own
    return typer.main.get_command(app)


@each_page
def test_every_command_that_is_named_exists_with_its_subcommands_and_flags(page: Path, commands: Any) -> None:  # noqa: ANN401 - Typer's own
    wrong = []
    for call in written_commands(page.read_text("utf-8")):
        command, words = commands, call.split()
        while words and (found := getattr(command, "commands", {}).get(words[0])):
            command, words = loaded(found), words[1:]
        flags = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        if getattr(command, "commands", None) and words and not words[0].startswith("-"):
            wrong.append(f"{words[0]} of `wireroom {call}`")
        used = {re.split(r"[=),]", word)[0] for word in words if re.match(r"--?[a-z]", word)}
        wrong += [f"{flag} of `wireroom {call}`" for flag in used - flags - {"--help", "--version"}]
    assert not wrong, "no such command or flag: " + ", ".join(wrong)


@each_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


@each_page
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@each_page
def test_every_file_of_the_tree_that_is_named_is_there(page: Path) -> None:
    rooms = "shared|services|wireroom|tools|tests|deploy|examples|docs"
    named = re.findall(rf"`((?:{rooms})/[\w./-]+)`", page.read_text("utf-8"))
    to_be_made = {"services/NAME/app.py", f"services/{documented_service.NAME}/app.py"}
    assert [name for name in named if name not in to_be_made and not (ROOT / name).exists()] == []


def shown(settings: type[BaseSettings], name: str) -> str | None:
    """Return the default of a setting as the page writes it; None where it is told in words."""
    value = settings.model_fields[name].default
    if settings is Limits:
        return (age_text if name.endswith("_age") else size_text)(value)
    if value is None:
        return None
    if isinstance(value, (dict, bool)):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    cells = [row.split("|")[1:3] for row in (ROOT / "docs/operations.md").read_text("utf-8").splitlines() if "|" in row]
    rows = {
        name: default
        for names, defaults in (cell for cell in cells if len(cell) == 2)
        for name, default in zip_longest(re.findall(r"`(WIREROOM_\w+)`", names), re.findall(r"`([^`]*)`", defaults))
        if name
    }
    wanted = {
        variable(settings, name): shown(settings, name)
        for settings in (Settings, TlsSettings, IngestSettings, ExtractSettings, DeskSettings, Limits)
        for name in settings.model_fields
    }
    assert wanted.keys() <= rows.keys(), "settings without a row"
    assert {name: rows[name] for name in wanted} == wanted


def test_the_reliability_page_says_what_the_kept_report_says() -> None:
    rows = Report(reliability.KEPT).rows()
    assert untold(rows) == [], "rows of the matrix without a word"
    assert reliability.PAGE.read_text() == reliability.written(reliability.PAGE.read_text(), rows)
    assert [row for row, seen in rows.items() if not seen.get("fine") and not seen.get("skipped")] == []
