"""What README and docs tell people to type exists, and what they link to is there."""

import re
from pathlib import Path

import pytest
import typer

from shared.limits import Limits, age_text, size_text
from shared.settings import Settings
from tests.faults import page as reliability
from tests.faults.report import Report, untold
from wireroom.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/-])wireroom ([a-z]+)\b", page.read_text("utf-8")))
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined] # a group has them
    assert named <= known


@each_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


@each_page
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert f"`WIREROOM_{name.upper()}`" in page
        assert f"`{field.default}`" in page
    for name, field in Limits.model_fields.items():
        default = (age_text if name.endswith("_age") else size_text)(field.default)
        assert f"| `WIREROOM_{name.upper()}` | `{default}` |" in page


def test_the_reliability_page_says_what_the_kept_report_says() -> None:
    rows = Report(reliability.KEPT).rows()
    assert untold(rows) == [], "rows of the matrix without a word"
    assert reliability.PAGE.read_text() == reliability.written(reliability.PAGE.read_text(), rows)
    assert [row for row, seen in rows.items() if not seen.get("fine") and not seen.get("skipped")] == []
