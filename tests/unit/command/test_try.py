"""``wireroom try``: one object per article in input order, and nothing needs a server."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from shared.messages import Removed
from wireroom.cli.main import app
from wireroom.cli.rendering import render_lines
from wireroom.testing.factories import BODY

pytestmark = pytest.mark.usefixtures("models_loaded_once")
LINES = [
    {"source": "tide-times", "guid": "t-1", "title": "New lock", "language": "en", "body": f"Subscribe now\n\n{BODY}"},
    {"source": "tide-times", "guid": "t-2", "body": "x", "publishd_at": "2026-03-01"},
    {"source": "tide-times", "guid": "t-3", "body": BODY + "\n\nNorthern Wire"},
]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "articles.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)))
    return path


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["--data", "/nonexistent", "try", *arguments], input=stdin)


def test_json_gives_one_object_per_article_in_input_order_with_every_key(lines: Path) -> None:
    result = run(str(lines), "--json")
    assert result.exit_code == 1, "one of them would be dead-lettered"
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["guid"] for item in objects] == ["t-1", "t-2", "t-3"]
    keys = {"id", "guid", "title", "agency", "language", "paragraphs", "captions", "removed", "entities"}
    assert all(keys <= set(item) and item["v"] == 1 for item in objects)
    first, refused, _ = objects
    assert first["paragraphs"] == BODY.split("\n\n")
    assert [(line["text"], line["line"]) for line in first["removed"]] == [("Subscribe now", 1)]
    assert refused["refused"]["reason"] == "unknown_field"
    entity = first["entities"][0]
    assert {"name", "label", "count", "aliases", "mentions"} <= set(entity)


def test_standard_input_is_read() -> None:
    result = run("-", "--json", stdin=BODY)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["paragraphs"] == BODY.split("\n\n")


def test_a_person_sees_the_article_what_was_removed_and_what_would_be_set_aside(lines: Path) -> None:
    result = run(str(lines))
    assert "Subscribe now" in result.stdout
    assert "New lock" in result.stdout
    assert f"{lines}:2: would be dead-lettered: unknown_field" in result.stderr
    assert "Nothing was published." in result.stderr


@pytest.mark.parametrize("name", ["missing.txt"])
def test_a_missing_file_is_named_and_the_exit_code_says_input(name: str) -> None:
    result = run(name)
    assert result.exit_code == 65
    assert result.stderr == f"{name}: no such file or folder.\n"


def test_a_diff_shows_kept_and_struck_lines_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "article.txt"
    path.write_text(f"Subscribe now\n\n{BODY}\n\nShare")
    result = run("--diff", str(path))
    assert result.exit_code == 0
    shown = " ".join(result.stdout.split())
    marks = ("1 - Subscribe now [promo]", "3 The new lock at Tidewell", "5 The works were", "7 - Share [share]")
    assert [mark for mark in marks if mark not in shown] == []
    assert sorted(marks, key=shown.index) == list(marks)


def test_a_diff_says_nothing_else_in_json(lines: Path) -> None:
    plain, diff = (
        [json.loads(line) | {"received_at": None} for line in run(str(lines), *options).stdout.splitlines()]
        for options in (["--json"], ["--json", "--diff"])
    )
    assert diff == plain


def test_a_score_stands_beside_its_rule() -> None:
    console = Console(width=200, file=StringIO())
    render_lines([(2, "A paragraph.")], [Removed(text="Lantern", rule="furniture", line=3, score=0.934)], console)
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == ["   2   A paragraph.", "   3 - Lantern  [furniture 0.93]"]
