"""Nothing in an article is obeyed by a terminal, and what is marked is what was meant."""

import io
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from shared.sanitizing import harmless
from wireroom.cli import output
from wireroom.cli.output import SafeConsole, counted, err, highlight, json_line, one_line, out
from wireroom.cli.rendering import render

HOSTILE = ["\x1b]52;c;ZXZpbA==\x07", "\x1b[2J", "\x9b31m", "\u202e", "\u2066", "\x00", "\r", "\x7f"]
ARTICLE: dict[str, Any] = {
    "_id": "a" * 32,
    "version": 3,
    "title": "New lock\x1b[2J",
    "source": "harbour-gazette",
    "language": "en",
    "agency": "Northern Wire",
    "url": "https://harbour-gazette.example/lock",
    "paragraphs": ["Marta Bellamy opened the lock.", "Bellamy spoke."],
    "captions": [{"text": "The lock.", "credit": "Ansel Pike"}],
    "removed": [{"text": "Subscribe now", "rule": "promo", "line": 5, "score": None}],
    "entities": [
        {
            "name": "Marta Bellamy",
            "label": "PERSON",
            "count": 2,
            "aliases": ["Bellamy"],
            "mentions": [{"start": 0, "end": 13, "text": "Marta Bellamy"}, {"start": 32, "end": 39, "text": "Bellamy"}],
        }
    ],
    "entities_status": "ok",
}


def printed(article: dict[str, Any], *, removed: bool = True) -> str:
    console = Console(file=io.StringIO(), width=100)
    render(article, console, removed=removed)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("attack", HOSTILE, ids=ascii)
def test_what_a_terminal_would_obey_is_replaced(attack: str) -> None:
    safe = harmless(f"before{attack}after")
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in safe)
    assert attack not in safe
    assert len(safe) == len(f"before{attack}after"), "offsets into the text stay true"


def test_lines_and_tabs_stay() -> None:
    assert harmless("a\n\tb") == "a\n\tb"


@given(st.text())
def test_safe_text_is_as_long_as_the_text_and_already_safe(text: str) -> None:
    assert len(harmless(text)) == len(text)
    assert harmless(harmless(text)) == harmless(text)


@pytest.mark.parametrize("attack", HOSTILE, ids=ascii)
def test_json_holds_what_a_terminal_would_obey_only_escaped(attack: str, capsys: pytest.CaptureFixture[str]) -> None:
    json_line({"title": f"before{attack}after é"})
    line = capsys.readouterr().out
    assert harmless(line) == line
    assert json.loads(line) == {"title": f"before{attack}after é"}, "and nothing of it is lost"


@pytest.mark.parametrize("console", [out, err], ids=["out", "err"])
def test_colons_are_not_read_as_pictures(console: Console) -> None:
    with console.capture() as printed:
        console.print("INBOX:100:ingest", markup=False)
    assert printed.get() == "INBOX:100:ingest\n"


def test_one_line_is_one_line_and_no_longer_than_asked() -> None:
    assert one_line("a\n b\t c", 10) == "a b c"
    assert one_line("x" * 20, 10) == "x" * 9 + "…"


def test_mentions_are_marked_where_they_stand_also_behind_hostile_characters() -> None:
    text = "\x1b\x1bMarta Bellamy spoke."
    entity = {"label": "PERSON", "mentions": [{"start": 2, "end": 15}]}
    marked = highlight(text, [entity])
    assert marked.plain == "\N{REPLACEMENT CHARACTER}" * 2 + "Marta Bellamy PERSON spoke."
    [span] = [span for span in marked.spans if span.style == "bold cyan"]
    assert marked.plain[span.start : span.end] == "Marta Bellamy"


def test_an_article_is_shown_with_all_that_is_known_of_it() -> None:
    shown = printed(ARTICLE)
    for part in (
        "New lock",
        "harbour-gazette · en · Northern Wire",
        "version 3",
        "Marta Bellamy PERSON opened the lock.",
        "Bellamy PERSON spoke.",
        "caption  The lock.  (Ansel Pike)",
        "Marta Bellamy  2 times, also Bellamy",
        "5  promo            Subscribe now",
    ):
        assert part in shown
    assert "\x1b" not in shown


def test_what_was_removed_can_be_left_out() -> None:
    assert "Subscribe" not in printed(ARTICLE, removed=False)


def test_an_article_without_a_model_says_so() -> None:
    shown = printed(ARTICLE | {"entities": [], "entities_status": "no_model", "language": "cy"})
    assert "no model reads 'cy'" in shown


def test_one_of_a_thing_is_told_as_one() -> None:
    assert [counted(number, "letter") for number in (0, 1, 2)] == ["0 letters", "1 letter", "2 letters"]
    assert [counted(number, "entity", "entities") for number in (1, 2)] == ["1 entity", "2 entities"]


COLUMNS = ("id", "date", "source", "title")
ROW = ("7f3c00aa11bb", "2026-03-01", "harbour-gazette", "New lock opens at the old quay")


def drawn(monkeypatch: pytest.MonkeyPatch, width: int, **options: Sequence[str]) -> list[str]:
    """Return the lines of a table as a terminal of this width shows it."""
    screen = io.StringIO()
    monkeypatch.setattr(output, "out", SafeConsole(file=screen, width=width, force_terminal=True, no_color=True))
    output.table(COLUMNS, [ROW], **options)
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in screen.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "shown"),
    [(80, COLUMNS), (60, ("id", "date", "title")), (42, ("id", "title")), (14, ("id",))],
)
def test_a_narrow_terminal_loses_whole_columns_the_least_needed_first(
    monkeypatch: pytest.MonkeyPatch, width: int, shown: tuple[str, ...]
) -> None:
    lines = drawn(monkeypatch, width, dropped=("source", "date"))
    assert tuple(lines[0].split()) == shown
    words = set(" ".join(lines[1:]).split())
    assert words <= set(" ".join(ROW).split()), "no word is cut"
    assert all(len(line) <= max(width, len(ROW[0])) for line in lines)


def test_a_pipe_gets_a_paragraph_in_one_line() -> None:
    text = "Marta Bellamy opened the lock. " + "It is long. " * 40
    article = ARTICLE | {"paragraphs": [text.strip()], "entities": []}
    assert text.strip() in printed(article).splitlines()
