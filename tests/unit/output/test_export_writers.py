"""Files of an export: readable by their readers, no cell a formula, and nothing held longer than a batch."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from services.store.documents import document
from shared.messages import Caption, Entity, Mention
from shared.sanitizing import no_formula
from wireroom.cli.output import as_json
from wireroom.ops.export import export_rows, export_writers
from wireroom.ops.export.export_rows import ARTICLE_COLUMNS, MENTION_COLUMNS, Row, article_row, mention_rows
from wireroom.ops.export.export_writers import CsvWriter, JsonLinesWriter, ParquetWriter, RowWriter, batches
from wireroom.testing.factories import an_extracted_article

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ENTITY = Entity(
    name="Marta Bellamy",
    label="PERSON",
    count=2,
    aliases=("Bellamy",),
    salience=0.5,
    mentions=(Mention(start=31, end=38, text="Bellamy"), Mention(start=0, end=13, text="Marta Bellamy")),
)


def an_article(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - those of an extracted article
    given = {"entities": (ENTITY,), "captions": (Caption(text="The lock."),), "published_at": AT, "tags": ("a", "b")}
    return document(an_extracted_article(**(given | fields)))


def written(make: Any, rows: Sequence[Row]) -> bytes:  # noqa: ANN401 - a class of writers
    file = io.BytesIO()
    writer: RowWriter = make(file)
    for batch in batches(rows):
        writer.write(batch)
    writer.close()
    return file.getvalue()


def as_csv(rows: Sequence[Row], columns: Any = ARTICLE_COLUMNS) -> list[dict[str, str]]:  # noqa: ANN401
    text = written(lambda file: CsvWriter(file, columns), rows).decode()
    return [*csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\ufeff=1", "\uff1d1", "\r=1"])
def test_no_cell_is_a_formula(title: str) -> None:
    [row] = as_csv([article_row(an_article(title=title))])
    assert row["title"].startswith("'")
    assert no_formula("12 - 3 = 9") == "12 - 3 = 9"


def test_a_cell_holds_nothing_that_a_terminal_obeys() -> None:
    [row] = as_csv([article_row(an_article(title="New\x1b[2Jlock"))])
    assert row["title"] == "New\ufffd[2Jlock"


def test_an_article_is_one_row_of_csv() -> None:
    article = an_article(paragraphs=('One, "two".', "Three."))
    [row] = as_csv([article_row(article)])
    assert (row["id"], row["text"], row["tags"]) == (article["_id"], 'One, "two".\n\nThree.', "a; b")
    assert (row["entities"], row["captions"]) == ("PERSON:Marta Bellamy (2)", "The lock.")
    assert (row["date"], row["byline"]) == (AT.isoformat(), "")


def test_each_mention_is_a_row_by_its_place() -> None:
    rows = as_csv([*mention_rows(an_article())], MENTION_COLUMNS)
    assert [(row["start"], row["end"], row["mention"], row["name"]) for row in rows] == [
        ("0", "13", "Marta Bellamy", "Marta Bellamy"),
        ("31", "38", "Bellamy", "Marta Bellamy"),
    ]


def test_parquet_keeps_the_types_and_what_is_nested() -> None:
    rows = [article_row(an_article()), article_row(an_article(published_at=None, captions=(), tags=()))]
    table = pq.read_table(io.BytesIO(written(lambda file: ParquetWriter(file, ARTICLE_COLUMNS), rows)))
    first, second = table.to_pylist()
    assert first["published_at"] == AT
    assert second["published_at"] is None
    assert first["entities"][0]["aliases"] == ["Bellamy"]
    assert (first["captions"][0]["text"], second["captions"], first["version"]) == ("The lock.", [], rows[0]["version"])
    assert str(table.schema.field("date").type) == "timestamp[us, tz=UTC]"


def test_parquet_of_nothing_has_its_columns() -> None:
    table = pq.read_table(io.BytesIO(written(lambda file: ParquetWriter(file, MENTION_COLUMNS), [])))
    assert table.num_rows == 0
    assert table.column_names == [column.name for column in MENTION_COLUMNS]


def test_json_lines_have_every_stored_field() -> None:
    row = export_rows.article_object({"_id": "a" * 32, "title": "\x1b]0;x\x07"})
    text = written(lambda file: JsonLinesWriter(file, as_json), [row]).decode()
    assert text == '{"v":1,"id":"' + "a" * 32 + '","title":"\\u001b]0;x\\u0007"}\n'


def test_a_batch_is_bounded_in_rows_and_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_writers, "BATCH_ROWS", 3)
    monkeypatch.setattr(export_writers, "BATCH_CHARACTERS", 10)
    read = 0

    def rows() -> Iterator[Row]:
        nonlocal read
        for size in (1, 1, 1, 1, 20, 1):
            read += 1
            yield {"text": "x" * size}

    sizes, behind = [], []
    for batch in batches(rows()):
        sizes.append(len(batch))
        behind.append(read)
    assert (sizes, behind) == ([3, 2, 1], [3, 5, 6]), "nothing is read before it is wanted"
