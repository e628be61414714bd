"""What comes from outside neither reaches a terminal as more than text nor begins a line of a log."""

import io
import json
import logging
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.panel import Panel
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from shared.logs import JsonLine, PlainLine
from shared.sanitizing import escaped, escaped_json, harmless, harmless_line
from tests import hostile
from wireroom.cli.main import app
from wireroom.cli.output import SafeConsole, as_json

SEEN = {0x09, 0x0A, 0x200C, 0x200D, *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
STYLING = re.compile(r"\x1b\[[0-9;]*[mKAG]|\x1b\[\?25[hl]|\r(?=\x1b\[2K)")
ANYTHING = st.text(alphabet=st.characters(), max_size=200) | st.just(hostile.TEXT)


def test_each_character_that_is_obeyed_or_hidden_is_replaced_and_no_other() -> None:
    bad = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    for code in range(sys.maxunicode + 1):
        expected = unicodedata.category(chr(code)) in bad and code not in SEEN
        if 0xE0000 <= code <= 0xE007F or 0x2060 <= code <= 0x206F:
            expected = True  # tags and invisible operators, also those that are not assigned yet
        assert (harmless(chr(code)) != chr(code)) == expected, hex(code)


@given(ANYTHING)
def test_what_is_escaped_is_one_line_and_can_be_read_back(text: str) -> None:
    assert harmless_line(escaped(text)) == escaped(text)
    document = escaped_json(json.dumps([text], ensure_ascii=False))
    assert harmless(document) == document
    assert json.loads(document) == [text] or any(unicodedata.category(c) == "Cs" for c in text), "pairs may join"
    assert json.loads(as_json({text: text}))
    assert harmless_line(as_json({"a": text})) == as_json({"a": text})


@given(ANYTHING)
def test_nothing_that_is_printed_is_obeyed_but_our_own_styles(text: str) -> None:
    written = io.StringIO()
    console = SafeConsole(file=written, force_terminal=True, width=60, color_system="truecolor")
    console.print(text)
    console.print(text, style="red")
    console.print(text, lines=True)
    console.print(Text(text, style="bold"), Panel(text), {"a": text}, soft_wrap=False)
    table = Table(title=text)
    table.add_column(text)
    table.add_row(Text(text))
    console.print(table)
    with Progress(console=console) as progress:
        progress.add_task(text, total=1)
    said = STYLING.sub("", written.getvalue())
    assert harmless(said) == said


def test_a_text_is_one_line_unless_it_is_said_to_have_lines() -> None:
    console = SafeConsole(file=io.StringIO())
    with console.capture() as printed:
        console.print("a\nb")
        console.print("a\nb", lines=True)
    assert printed.get() == "a\N{REPLACEMENT CHARACTER}b\na\nb\n"


def test_no_markup_is_read() -> None:
    console = SafeConsole(file=io.StringIO())
    with console.capture() as printed:
        console.print("[bold]a[/] [/] :100:")
    assert printed.get() == "[bold]a[/] [/] :100:\n"


def record(text: str) -> logging.LogRecord:
    error = ValueError(text)
    found = logging.LogRecord(text, logging.ERROR, "", 1, "of %s", (text,), (ValueError, error, None))
    found.stack_info = text
    return found


@given(ANYTHING)
def test_one_record_is_one_line_whatever_it_says(text: str) -> None:
    head, *rest = PlainLine().format(record(text)).split("\n")
    assert harmless_line(head) == head
    assert re.match(r"\d\d:\d\d:\d\d ERROR", head)
    assert rest
    for line in rest:
        assert line.startswith("  | "), "so that it cannot be taken for a record"
        assert harmless_line(line) == line
    line = JsonLine().format(record(text))
    assert harmless_line(line) == line
    assert json.loads(line)["level"] == "ERROR"


@pytest.mark.parametrize(
    "arguments", [("no such",), ("tail", "--no-such"), ("dead", "show"), ("dead", "no such"), ("dead", "show", "1")]
)
def test_an_argument_that_typer_refuses_is_echoed_harmless(arguments: tuple[str, ...]) -> None:
    for text in (hostile.TEXT, "\udcff"):
        given = [*arguments[:-1], f"{arguments[-1]}{text}", text]
        result = CliRunner().invoke(app, ["--data", "/nonexistent", *given])
        assert result.exit_code == 2
        assert harmless(result.output) == result.output
