"""CSV and Parquet: a row is an article, its columns mapped to the fields of a submission by name."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from shared.errors import Reason, Rejected
from shared.messages import ArticleSubmitted
from shared.web.charsets import decode_text
from wireroom.publisher.archives.records import MOST_JSON, BrokenArchive, Record, lines_of

FIELDS = tuple(ArticleSubmitted.model_fields)
_TIMES = frozenset({"published_at", "updated_at"})
_DELIMITERS = ",;\t|"
_ROWS_AT_ONCE = 64  # of Parquet; each may have a body of 2 MiB
_LARGEST_ROW_GROUP = 1024 * 1024 * 1024  # bytes uncompressed; one is read in parts, but its pages are decoded whole
_SHOWN = 20  # column names in a message


def csv_articles(chunks: Iterator[bytes], columns: Mapping[str, str]) -> Iterator[Record]:
    """Yield a record for each row, numbered by the line where it ends; raises BrokenArchive for a wrong header.

    ``columns``: field to column; a column that has the name of a field is that field without being named.
    """
    csv.field_size_limit(MOST_JSON)
    too_long = list[int]()
    lines = _csv_lines(chunks, too_long)
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error as error:
        raise BrokenArchive(f"no header of CSV in its first line: {error}") from None
    mapping = _mapping(header, columns)
    rows = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield Record(rows.line_num + 1, refusal=Rejected(Reason.SCHEMA, f"no CSV row: {error}"))
            continue
        while too_long:
            said = f"more than {MOST_JSON:,} bytes in one line"
            yield Record(too_long.pop(), refusal=Rejected(Reason.TOO_LARGE, said))
        if row is None:
            return
        if row:
            values = dict(zip(header, map(_mended, row), strict=False))
            yield _record(rows.line_num + 1, {field: values.get(column) for field, column in mapping.items()})


def _csv_lines(chunks: Iterator[bytes], too_long: list[int]) -> Iterator[str]:
    for number, line in enumerate(lines_of(chunks, MOST_JSON), 1):
        if line is None:
            too_long.append(number)
        else:
            yield line.decode("utf-8", "surrogateescape")


def _mended(cell: str) -> str:
    """Return a cell that is no UTF-8 in the encoding that its bytes prove."""
    return decode_text(cell.encode("utf-8", "surrogateescape")) if not cell.isascii() else cell


def parquet_articles(path: Path, columns: Mapping[str, str]) -> Iterator[Record]:
    """Yield a record for each row, numbered from 1; raises BrokenArchive, also where pyarrow is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and half a second
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError:
        raise BrokenArchive("reading Parquet needs pyarrow: pip install 'wireroom[parquet]'") from None
    try:
        file = parquet.ParquetFile(path)
        mapping = _mapping(file.schema_arrow.names, columns)
        _check_row_groups(file.metadata)
        number = 0
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=sorted(set(mapping.values()))):
            for row in batch.to_pylist():
                number += 1
                yield _record(number, {field: row.get(column) for field, column in mapping.items()})
    except (pa.ArrowException, OSError) as error:
        raise BrokenArchive(f"no Parquet file, or a damaged one: {str(error).partition(chr(10))[0]}") from None


def _check_row_groups(metadata: Any) -> None:  # noqa: ANN401 - of a library without types
    sizes = (metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if (largest := max(sizes, default=0)) > _LARGEST_ROW_GROUP:
        said = f"a row group has {largest:,} bytes, at most {_LARGEST_ROW_GROUP:,} are read"
        raise BrokenArchive(f"{said}; write it anew with smaller ones")


def _mapping(header: Iterable[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return which column each field is read from."""
    header = list(header)
    for field, column in columns.items():
        if column not in header:
            known = ", ".join(header[:_SHOWN])
            raise BrokenArchive(f"no column {column!r} for {field}; there are: {known}")
    found = {name: name for name in header if name in FIELDS} | dict(columns)
    if "body" not in found:
        known = ", ".join(header[:_SHOWN])
        raise BrokenArchive(f"no column for the body; name it with --column body=NAME, one of: {known}")
    return found


def _record(number: int, values: Mapping[str, Any]) -> Record:
    fields = {name: _value(name, value) for name, value in values.items() if value not in (None, "")}
    return Record(number, {name: value for name, value in fields.items() if value not in (None, "", ())})


def _text(value: Any) -> str:  # noqa: ANN401 - a cell
    if isinstance(value, bytes):
        return decode_text(value)
    return value if isinstance(value, str) else str(value)


def _time(value: Any) -> str:  # noqa: ANN401 - a cell
    """Return RFC 3339; a time without an offset is UTC, a day without a time its beginning."""
    if isinstance(value, str):
        value = _parsed_time(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return str(value)  # what is no time is refused with its field


def _parsed_time(text: str) -> datetime | str:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text)
        except (ValueError, TypeError, IndexError):
            continue
    return text


def _tags(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - a cell
    parts = value.replace(";", ",").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        parts = [parts]
    return tuple(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


def _value(field: str, value: Any) -> str | tuple[str, ...]:  # noqa: ANN401 - a cell
    if field == "tags":
        return _tags(value)
    return _time(value) if field in _TIMES else _text(value)
