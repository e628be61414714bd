"""Exports, live views and snippets of a stack that runs."""

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pymongo import AsyncMongoClient

from services.store.repository import Articles
from shared.messages import ArticleExtracted, Entity, Mention
from shared.settings import Settings
from tests.commands import command_of
from wireroom.ops.export import export_writers
from wireroom.testing.factories import an_extracted_article

LOCK = Entity(name="Lock", label="FAC", count=1, mentions=(Mention(start=4, end=8, text="lock"),))


async def store(settings: Settings, *found: ArticleExtracted) -> None:
    async with AsyncMongoClient[dict[str, Any]](settings.mongo_url, tz_aware=True) as client:
        repository = Articles(client[settings.mongo_database])
        await repository.prepare()
        await repository.write(found)


async def test_every_article_is_exported_in_every_format(settings: Settings, tmp_path: Path) -> None:
    articles = [an_extracted_article(guid=str(number), version=number + 1, entities=(LOCK,)) for number in range(230)]
    await store(settings, *articles, an_extracted_article(source="tide-times"))
    wireroom = command_of(settings, tmp_path)
    ids = {article.id for article in articles}

    lines = await wireroom("export", "--source", articles[0].source)
    assert (lines.code, {line["id"] for line in lines.lines}) == (0, ids)
    assert "230 articles." in lines.err
    assert (await wireroom("export", "--limit", "7")).out.count("\n") == 7

    table = await wireroom("export", "--source", articles[0].source, "--to", "csv", "--mentions")
    assert {row["id"] for row in csv.DictReader(io.StringIO(table.out, newline=""))} == ids

    (tmp_path / "all.parquet").write_bytes(b"an older one")
    done = await wireroom("export", "--to", "parquet", "--output", "all.parquet")
    assert (done.code, "231 articles, written to all.parquet." in done.err) == (0, True)
    assert len(pq.read_table(tmp_path / "all.parquet")) == 231
    kept = [path.name for path in tmp_path.iterdir()]  # noqa: ASYNC240 - a folder of one file
    assert kept == ["all.parquet"], "no part of a file stays"


async def test_an_export_of_nothing_is_an_empty_file_and_no_error(settings: Settings) -> None:
    done = await command_of(settings)("export", "--to", "csv", "--source", "nobody")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert (await command_of(settings)("export", "lock")).code == 0, "no store has run yet"


async def test_an_export_that_cannot_be_written_says_why(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wireroom = command_of(settings, tmp_path)
    done = await wireroom("export", "--output", "nowhere/x.jsonl")
    assert (done.code, "nowhere/x.jsonl cannot be written" in done.err) == (73, True)
    monkeypatch.setattr(export_writers, "find_spec", lambda _: None)
    done = await wireroom("export", "--to", "parquet")
    assert (done.code, "pip install 'wireroom[parquet]'" in done.err) == (78, True)


async def test_a_search_with_words_shows_where_they_stand(settings: Settings) -> None:
    await store(settings, an_extracted_article(title="Harbour", paragraphs=("Nothing here.", "The old lock opens.")))
    found = await command_of(settings)("search", "lock", "--json")
    assert [part for part in found.lines[0]["snippet"] if part["matched"]] == [{"text": "lock", "matched": True}]
    assert "Nothing here. The old lock opens." in (await command_of(settings)("search", "lock")).out
    assert "snippet" not in (await command_of(settings)("search", "--json")).lines[0]


async def test_the_services_are_watched_in_a_pipe(settings: Settings) -> None:
    wireroom = command_of(settings)
    seen = await wireroom("top", "--count", "2", "--every", "0.1")
    rows = [line.split("\t") for line in seen.out.splitlines()]
    assert (seen.code, [row[1] for row in rows]) == (0, ["stage", *(2 * ["ingest", "extract", "store"])])
    assert {len(row) for row in rows} == {len(rows[0])}
    assert rows[-1][3] == "0.0", "the second look has a rate"
    [first] = (await wireroom("top", "--count", "1", "--json")).lines
    assert [stage["stage"] for stage in first["stages"]] == ["ingest", "extract", "store"]
    assert (await wireroom("top", "--every", "0")).code == 2


async def test_the_status_is_shown_again_and_again(settings: Settings) -> None:
    wireroom = command_of(settings)
    seen = await wireroom("status", "--watch", "--count", "2", "--every", "0.1")
    assert (seen.code, seen.out.count("stream INBOX")) == (0, 2)
    assert len((await wireroom("status", "--watch", "--count", "2", "--every", "0.1", "--json")).lines) == 2
    assert (await wireroom("status", "--watch", "--check")).code == 2
