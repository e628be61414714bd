"""``wireroom export``: stored articles or entity mentions as JSON Lines, CSV or Parquet, to a file or a pipe."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from pymongo.errors import CursorNotFound

from services.store import queries
from services.store.queries import Filters
from shared.settings import Settings
from wireroom.cli.connections import mongo_articles
from wireroom.cli.output import as_json, counted, err, fail
from wireroom.cli.time_arguments import since as moment
from wireroom.ops.export import export_rows as rows
from wireroom.ops.export.export_writers import (
    CsvWriter,
    JsonLinesWriter,
    NoPyarrowError,
    ParquetWriter,
    RowWriter,
    batches,
    check_pyarrow,
)

EX_CANNOT_WRITE = 73
EX_TRY_AGAIN = 75
EX_CONFIGURATION = 78


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def export(
    words: Annotated[list[str] | None, typer.Argument(help="Words of title or beginning, as for search.")] = None,
    to: Annotated[Format, typer.Option(help="jsonl, csv, or parquet.")] = Format.JSONL,
    output: Annotated[Path, typer.Option("--output", "-o", help="A file; - is standard output.")] = Path("-"),
    mentions: Annotated[bool, typer.Option("--mentions", help="A row for each mention of an entity.")] = False,
    entity: Annotated[str | None, typer.Option(help="A name, or LABEL:name such as ORG:Reuters.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    language: Annotated[str | None, typer.Option(help="Only this language, such as en.")] = None,
    since: Annotated[datetime | None, typer.Option(parser=moment, help="Dated since: 2h, 3d, 2026-03-01.")] = None,
    until: Annotated[datetime | None, typer.Option(parser=moment, help="Dated before that.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many articles.")] = None,
) -> None:
    """Write all stored articles that match, or the mentions of their entities, as JSON Lines, CSV or Parquet.

    The newest come first; with words the order is any. A file appears under its name only once it is whole.

    Examples: `wireroom export --since 7d >week.jsonl`, `wireroom export --mentions --to csv -o mentions.csv`,
    `wireroom export --source harbour-gazette --to parquet -o gazette.parquet`
    """
    if to is Format.PARQUET:
        try:
            check_pyarrow()
        except NoPyarrowError as lacking:
            fail(EX_CONFIGURATION, f"{lacking}.")
        if str(output) == "-" and sys.stdout.isatty():
            raise typer.BadParameter("Parquet is not for a terminal: name a file with --output", param_hint="--to")
    filters, text = Filters(source, language, entity, since, until), " ".join(words or ())
    with mongo_articles(Settings()) as database, _opened(output) as file:
        found = islice(queries.every(database, text, filters, rows.STORED_FIELDS), limit)
        tally = _Tally(found)
        writer = _writer(file, to, mentions=mentions)
        try:
            for batch in batches(_rows(tally, to, mentions=mentions)):
                writer.write(batch)
        except CursorNotFound:
            fail(EX_TRY_AGAIN, "MongoDB has closed the query: what reads the export paused for too long. Try again.")
        writer.close()
    said = f"{counted(tally.articles, 'article')}"
    err.print(said + (f", written to {output}." if str(output) != "-" else "."))


class _Tally:
    """Counts the articles that go through."""

    def __init__(self, articles: Iterator[rows.Article]) -> None:
        self._found, self.articles = articles, 0

    def __iter__(self) -> Iterator[rows.Article]:
        for article in self._found:
            self.articles += 1
            yield article


def _rows(articles: _Tally, to: Format, *, mentions: bool) -> Iterator[rows.Row]:
    for article in articles:
        if mentions:
            yield from rows.mention_rows(article)
        else:
            yield rows.article_object(article) if to is Format.JSONL else rows.article_row(article)


def _writer(file: BinaryIO, to: Format, *, mentions: bool) -> RowWriter:
    columns = rows.MENTION_COLUMNS if mentions else rows.ARTICLE_COLUMNS
    match to:
        case Format.CSV:
            return CsvWriter(file, columns)
        case Format.PARQUET:
            return ParquetWriter(file, columns)
    return JsonLinesWriter(file, lambda row: as_json({"v": 1, **row}))


@contextmanager
def _opened(output: Path) -> Iterator[BinaryIO]:
    """Yield where to write; a regular file takes its name at the end, and none is left where that is not reached."""
    if str(output) == "-":
        yield sys.stdout.buffer
        return
    device = output.exists() and not output.is_file()
    path = output if device else output.with_name(f".{output.name}.part")
    try:
        file = path.open("wb")
    except OSError as error:
        fail(EX_CANNOT_WRITE, f"{output} cannot be written: {error.strerror}.")
    try:
        with file:
            yield file
        if not device:
            os.replace(path, output)  # noqa: PTH105 - what Path has for it reads the other way round
    finally:
        if not device:
            path.unlink(missing_ok=True)
