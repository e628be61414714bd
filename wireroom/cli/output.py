"""What people see: results on standard output, narration on standard error, nothing hostile on either.

Whatever is printed on ``out`` and ``err`` is made harmless as it is written, so that no caller can forget it.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from shared.sanitizing import escaped_json, harmless, harmless_line


class SafeConsole(Console):
    """A console on which only our own styles and rich's own movements of the cursor are obeyed.

    No markup and no emoji are read in texts: rich would colour ``[red]`` and draw the ``:100:`` of a message id.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as rich takes them
        super().__init__(highlight=False, emoji=False, markup=False, soft_wrap=True, **options)

    def print(self, *objects: Any, lines: bool = False, **options: Any) -> None:  # noqa: ANN401
        """Print as rich does; a text is one line, also with line feeds in it, unless it is said to have ``lines``."""
        if not lines:
            objects = tuple(harmless_line(item) if isinstance(item, str) else item for item in objects)
        super().print(*objects, **options)

    @contextmanager
    def wrapping(self) -> Iterator[None]:
        """Within the block what is too wide is fitted to the terminal, as a live view needs it."""
        self.soft_wrap = False
        try:
            yield
        finally:
            self.soft_wrap = True

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        """Make what is left harmless where rich turns it into the characters that are written."""
        return super()._render_buffer(
            segment if segment.control else Segment(harmless(segment.text), segment.style) for segment in buffer
        )


out = SafeConsole()
err = SafeConsole(stderr=True)

_STYLES = {
    "PERSON": "bold cyan",
    "ORG": "bold yellow",
    "GPE": "bold green",
    "LOC": "bold green",
    "NORP": "bold magenta",
}
_LONGEST_CELL = 300  # characters
_NARROWEST_WRAPPED = 24  # characters of a column that takes several lines
_OTHER_STYLE = "bold blue"


def one_line(text: str, limit: int) -> str:
    """Return the text safe, on one line, cut with an ellipsis."""
    line = " ".join(harmless(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def counted(number: int, one: str, many: str = "") -> str:
    """Return "1 dead letter" or "2 dead letters", "1 entity" or "2 entities"."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def fail(code: int, message: str, *, lines: bool = False) -> NoReturn:
    """Say what went wrong, on standard error, and end with this exit code."""
    err.print(message, style="red", lines=lines)
    raise typer.Exit(code)


def say(line: str) -> None:
    """Tell on standard error what is being done; a terminal that was closed must not end a supervisor."""
    with suppress(OSError, SystemExit):  # rich exits when a pipe is closed
        err.print(line)


def tell(said: str, numbers: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what was done: a sentence, or its numbers as JSON."""
    if as_json:
        json_line({"v": 1, **numbers})
    else:
        out.print(said)


def json_line(value: Mapping[str, Any]) -> None:
    """Print one object on one line; what a terminal would obey is escaped, so that nothing is obeyed or lost."""
    sys.stdout.write(as_json(value) + "\n")
    sys.stdout.flush()  # whoever reads a live stream wants each line when it comes


def as_json(value: Mapping[str, Any]) -> str:
    """Return one object on one line, which is harmless on a terminal too."""
    try:
        return escaped_json(orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode())
    except orjson.JSONEncodeError:  # a number beyond 64 bits, or a lone surrogate, such as of a file's name
        return escaped_json(json.dumps(value, default=str))


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    wrapped: Sequence[str] = (),
    dropped: Sequence[str] = (),
) -> None:
    """Print a table on a terminal, tab-separated lines of full width elsewhere.

    ``numbers`` are aligned to the right; ``wrapped`` columns, by default the last, may take several lines. A terminal
    that is too narrow loses whole columns, first those of ``dropped`` in their order, then others from the right; the
    first column stays.
    """
    if not out.is_terminal:
        for row in [columns, *rows]:
            sys.stdout.write("\t".join(one_line(str(cell), sys.maxsize) for cell in row) + "\n")
        return
    out.print(drawn_table(columns, rows, numbers=numbers, wrapped=wrapped, dropped=dropped), soft_wrap=False)


def drawn_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    wrapped: Sequence[str] = (),
    dropped: Sequence[str] = (),
) -> Table:
    """Return the table that `table` prints on a terminal; a cell that is a rich text keeps its style."""
    cells = [[one_line(str(cell), _LONGEST_CELL) for cell in row] for row in rows]
    styles = [[cell.style if isinstance(cell, Text) else "" for cell in row] for row in rows]
    wrapped = wrapped or columns[-1:]
    drawn = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    kept = _fitting(columns, cells, out.width, wrapped, dropped)
    for number in kept:
        name, whole = columns[number], columns[number] not in wrapped and len(kept) > 1
        drawn.add_column(name, justify="right" if name in numbers else "left", no_wrap=whole, overflow="fold")
    for row, looks in zip(cells, styles, strict=True):
        drawn.add_row(*(Text(row[number], style=looks[number]) for number in kept))
    return drawn


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, wrapped: Sequence[str], dropped: Sequence[str]
) -> list[int]:
    """Return the numbers of the columns that are shown whole, or wrapped between words, within a width."""
    needed = {}
    for number, name in enumerate(columns):
        cells = [name, *(row[number] for row in rows)]
        widest = max(map(cell_len, cells))
        if name in wrapped:
            word = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
            widest = min(widest, max(word, _NARROWEST_WRAPPED))
        needed[number] = widest + 1  # and the space between two columns
    others = [number for number, name in reversed([*enumerate(columns)]) if name not in dropped]
    order = [columns.index(name) for name in dropped if name in columns] + others
    for number in order:
        if sum(needed.values()) - 1 <= width or len(needed) == 1:
            break
        if number:
            del needed[number]
    return list(needed)


def highlight(text: str, entities: Sequence[Mapping[str, Any]]) -> Text:
    """Return the text with each mention coloured by its label and followed by it."""
    marks = sorted(
        (mention["start"], mention["end"], entity["label"]) for entity in entities for mention in entity["mentions"]
    )
    safe, made, position = harmless(text), Text(), 0
    for start, end, label in marks:
        if start < position:
            continue  # a mention inside another
        made.append(safe[position:start])
        made.append(safe[start:end], style=_STYLES.get(label, _OTHER_STYLE))
        made.append(f" {label}", style="dim")
        position = end
    return made.append(safe[position:])
