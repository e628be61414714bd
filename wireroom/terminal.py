"""What people see: results on standard output, narration on standard error, nothing hostile on either."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

# no emoji: rich would print the ``:100:`` of an article or a message id as a picture
out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

# Escapes write to the clipboard and the window's title, and direction marks show other text than there is.
_CONTROLS = [
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
]
_SAFE = {code: "\N{REPLACEMENT CHARACTER}" for code in _CONTROLS if chr(code) not in "\n\t"}
_ESCAPED = {code: f"\\u{code:04x}" for code in _CONTROLS if code >= 0x7F}  # noqa: PLR2004 - JSON escapes those below
_STYLES = {
    "PERSON": "bold cyan",
    "ORG": "bold yellow",
    "GPE": "bold green",
    "LOC": "bold green",
    "NORP": "bold magenta",
}
_OTHER_STYLE = "bold blue"


def term_safe(text: str) -> str:
    """Replace what a terminal would obey, one character for one, so that offsets into the text stay true."""
    return text.translate(_SAFE)


def one_line(text: str, limit: int) -> str:
    """Return the text safe, on one line, cut with an ellipsis."""
    line = " ".join(term_safe(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def counted(number: int, one: str, many: str = "") -> str:
    """Return "1 letter" or "2 letters", "1 entity" or "2 entities"."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def fail(code: int, message: str) -> NoReturn:
    """Say what went wrong, on standard error, and end with this exit code."""
    err.print(term_safe(message), style="red", markup=False)
    raise typer.Exit(code)


def json_line(value: Mapping[str, Any]) -> None:
    """Print one object on one line; what a terminal would obey is escaped, so that nothing is obeyed or lost."""
    data = orjson.dumps(value, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    sys.stdout.write(data.decode().translate(_ESCAPED))
    sys.stdout.flush()  # whoever reads a live stream wants each line when it comes


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table on a terminal, tab-separated lines elsewhere; ``numbers`` are aligned to the right."""
    if not out.is_terminal:
        for row in [columns, *rows]:
            sys.stdout.write("\t".join(one_line(str(cell), sys.maxsize) for cell in row) + "\n")
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for column in columns:
        drawn.add_column(column, justify="right" if column in numbers else "left", no_wrap=column != columns[-1])
    for row in rows:
        drawn.add_row(*(Text(one_line(str(cell), 100)) for cell in row))
    out.print(drawn)


def highlight(text: str, entities: Sequence[Mapping[str, Any]]) -> Text:
    """Return the text with each mention coloured by its label and followed by it."""
    marks = sorted(
        (mention["start"], mention["end"], entity["label"]) for entity in entities for mention in entity["mentions"]
    )
    safe, made, position = term_safe(text), Text(), 0
    for start, end, label in marks:
        if start < position:
            continue  # a mention inside another
        made.append(safe[position:start])
        made.append(safe[start:end], style=_STYLES.get(label, _OTHER_STYLE))
        made.append(f" {label}", style="dim")
        position = end
    return made.append(safe[position:])
