"""Lists as files: JSON, JSON Lines and CSV, streamed, at the address of the page with a suffix."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import orjson
from starlette.responses import Response, StreamingResponse

Format = Literal["json", "jsonl", "csv"]
Row = Mapping[str, Any]
MEDIA_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins so


def listing(kind: Format, name: str, rows: Iterable[Row], columns: Sequence[str]) -> Response:
    """Return a list as a file called ``name``; what the first row raises is raised here, before anything is sent."""
    iterator = iter(rows)
    first = list(_first(iterator))
    encode = {"json": _as_json, "jsonl": _as_lines, "csv": _as_csv}[kind]
    headers = {"X-Content-Type-Options": "nosniff"}
    if kind != "json":
        headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    body = encode(chain(first, iterator), columns)
    return StreamingResponse(body, media_type=MEDIA_TYPES[kind], headers=headers)


def one(value: Any) -> Response:  # noqa: ANN401 - whatever a page shows
    """Return what a page shows that is no list, as JSON."""
    return Response(orjson.dumps(value), media_type=MEDIA_TYPES["json"])


def _first(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        return


def _as_json(rows: Iterable[Row], _: Sequence[str]) -> Iterator[bytes]:
    yield b'{"v":1,"items":['
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"\n") + orjson.dumps(row)
    yield b"\n]}\n"


def _as_lines(rows: Iterable[Row], _: Sequence[str]) -> Iterator[bytes]:
    for row in rows:
        yield orjson.dumps({"v": 1, **row}, option=orjson.OPT_APPEND_NEWLINE)


def _as_csv(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[bytes]:
    yield _line(columns)
    for row in rows:
        yield _line([_cell(row.get(column)) for column in columns])


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:  # noqa: ANN401 - of any column
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return orjson.dumps(value).decode().strip('"')
