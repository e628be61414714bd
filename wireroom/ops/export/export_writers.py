"""Rows written as JSON Lines, CSV or Parquet, a batch at a time, so that memory does not grow with what is exported."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Any, BinaryIO, Protocol

from shared.sanitizing import harmless, no_formula
from wireroom.ops.export.export_rows import Column, Row

BATCH_ROWS = 2000
BATCH_CHARACTERS = 8_000_000  # of texts; an article may have two million


class NoPyarrowError(RuntimeError):
    """Parquet was asked for, and pyarrow is not installed."""


class RowWriter(Protocol):
    """Takes batches of rows and, at the end, `close`; the file stays open."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


class JsonLinesWriter:
    """One object on each line, as ``encode`` writes it."""

    def __init__(self, file: BinaryIO, encode: Callable[[Row], str]) -> None:
        self._file, self._encode = file, encode

    def write(self, rows: Sequence[Row]) -> None:
        self._file.write("".join(f"{self._encode(row)}\n" for row in rows).encode())

    def close(self) -> None:
        self._file.flush()


class CsvWriter:
    """A table as RFC 4180 has it, UTF-8, with a head; no cell is a formula or holds what a terminal obeys."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file, self._columns = file, columns
        self._write([[column.name for column in columns]])

    def write(self, rows: Sequence[Row]) -> None:
        self._write([[_cell(row[column.name]) for column in self._columns] for row in rows])

    def close(self) -> None:
        self._file.flush()

    def _write(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode())


def _cell(value: Any) -> object:  # noqa: ANN401 - what a column holds
    match value:
        case None:
            return ""
        case str():
            return harmless(no_formula(value))
        case datetime():
            return value.isoformat()
        case list() | tuple():
            return _cell("; ".join(map(_part, value)))
    return value


def _part(value: str | Mapping[str, Any]) -> str:
    """Return an element of a list for one cell: a text, an entity as ``LABEL:name (3)``, or the text of a caption."""
    if isinstance(value, str):
        return value
    return f"{value['label']}:{value['name']} ({value['count']})" if "label" in value else str(value["text"])


class ParquetWriter:
    """A Parquet file, compressed, one row group a batch; raises NoPyarrowError."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        check_pyarrow()
        import pyarrow as pa  # noqa: PLC0415 - an extra, and half a second to import
        import pyarrow.parquet as pq  # noqa: PLC0415

        self._table = pa.Table
        self._schema = pa.schema([(column.name, _arrow_types()[column.kind]) for column in columns])
        self._writer = pq.ParquetWriter(pa.PythonFile(file, mode="w"), self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.write_table(self._table.from_pylist(list(rows), self._schema))

    def close(self) -> None:
        self._writer.close()


def check_pyarrow() -> None:
    """Raise NoPyarrowError where Parquet cannot be written."""
    if find_spec("pyarrow") is None:
        raise NoPyarrowError("Parquet needs pyarrow: `pip install 'wireroom[parquet]'`, or write csv or jsonl")


def _arrow_types() -> Mapping[str, Any]:
    import pyarrow as pa  # noqa: PLC0415

    text, count = pa.string(), pa.int64()
    entity = pa.struct([
        *(("label", text), ("name", text), ("count", count), ("salience", pa.float64()), ("identifier", text)),
        ("aliases", pa.list_(text)),
    ])  # fmt: skip
    return {
        "text": text,
        "integer": count,
        "number": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
        "texts": pa.list_(text),
        "captions": pa.list_(pa.struct([("text", text), ("credit", text)])),
        "entities": pa.list_(entity),
    }


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows in batches that are bounded in number and in size of their texts."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str)) + sum(
            map(len, row.get("paragraphs", ()))
        )
        if len(batch) == BATCH_ROWS or size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
