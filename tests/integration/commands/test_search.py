"""Questions to a database as it may be found, also before the store has ever written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.database import Database

from services.store import queries
from services.store.queries import Filters
from services.store.repository import Articles
from shared.messages import Entity
from shared.settings import Settings
from tests.commands import wireroom
from wireroom.ops import article_lookup
from wireroom.ops.article_lookup import NotFound
from wireroom.testing.factories import an_extracted_article


async def store(settings: Settings, *found: Any) -> None:  # noqa: ANN401 - extracted articles
    async with AsyncMongoClient[dict[str, Any]](settings.mongo_url, tz_aware=True) as client:
        repository = Articles(client[settings.mongo_database])
        await repository.prepare()
        await repository.write(found)


@pytest.mark.parametrize("words", ["", "lock"])
def test_a_database_that_no_store_has_written_to_has_no_articles(
    database: Database[dict[str, Any]], words: str
) -> None:
    assert list(queries.search(database, words, Filters(), 5)) == []


async def test_words_entity_source_and_language_narrow_a_search(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    lock = an_extracted_article(title="A lock opens", source="tide-times", language="en")
    quay = an_extracted_article(title="A quay opens", source="harbour-gazette", language="cy")
    await store(settings, lock, quay)

    def found(words: str, **filters: Any) -> set[str]:  # noqa: ANN401 - whatever Filters takes
        return {article["title"] for article in queries.search(database, words, Filters(**filters), 5)}

    assert found("opens") == {lock.title, quay.title}
    assert found("quay") == found("", source="harbour-gazette") == found("opens", language="cy") == {quay.title}
    assert found("quay", language="en") == set()


async def test_a_guid_that_two_sources_use_names_neither(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    one, other = (an_extracted_article(guid="n-17", source=source) for source in ("tide-times", "harbour-gazette"))
    await store(settings, one, other)
    with pytest.raises(NotFound, match=f"{other.id}.*{one.id}|{one.id}.*{other.id}"):
        article_lookup.one(database, "n-17")
    assert article_lookup.one(database, one.id)["source"] == "tide-times"


async def test_an_entity_is_found_under_every_name_and_its_identifier(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    entity = Entity(name="Northmoor Ferry Authority", label="ORG", count=1, aliases=("NFA",), identifier="Q1234")
    named, other = an_extracted_article(entities=(entity,)), an_extracted_article(title="Another")
    await store(settings, named, other)
    for wanted in ("Q1234", "ID:Q1234", "nfa", "ORG:northmoor ferry authority"):
        assert [one["_id"] for one in queries.search(database, "", Filters(entity=wanted), 5)] == [named.id]
    assert list(queries.search(database, "", Filters(entity="ORG:Q1234"), 5)) == []


async def test_articles_that_no_model_reads_are_counted_by_language(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    unread = [
        an_extracted_article(language=language, entities_status="no_model", guid=str(number))
        for number, language in enumerate(("fi", "cy", "fi"))
    ]
    await store(settings, *unread, an_extracted_article())
    assert queries.without_model(database) == {"fi": 2, "cy": 1}


async def test_an_article_with_a_guid_is_found_by_its_link_too(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    article = an_extracted_article(guid="n-18", url="https://tide.example/n-18")
    await store(settings, article)
    assert article_lookup.one(database, "https://tide.example/n-18")["_id"] == article.id
    assert article_lookup.one(database, "https://tide.example/n-18?utm_source=mail")["_id"] == article.id


async def test_the_newest_by_the_date_that_is_shown_come_first_in_pages_and_between_two_dates(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    day = datetime(2026, 3, 1, 12, tzinfo=UTC)
    articles = [
        an_extracted_article(
            guid=str(number),
            published_at=day + timedelta(days=number) if number % 2 else None,
            received_at=day + timedelta(days=number if number % 2 == 0 else 30),
            version=number + 1,
        )
        for number in range(6)
    ]
    await store(settings, *articles)

    def shown(filters: Filters, limit: int = 10, skip: int = 0, words: str = "") -> list[int]:
        found = queries.search(database, words, filters, limit, skip)
        return [int(article["guid"]) for article in found]

    assert shown(Filters()) == [5, 4, 3, 2, 1, 0]
    assert [shown(Filters(), 4, skip) for skip in (0, 4, 8)] == [[5, 4, 3, 2], [1, 0], []]
    between = Filters(since=day + timedelta(days=1), until=day + timedelta(days=4))
    assert shown(between) == [3, 2, 1]
    words = "lock"
    assert sorted(shown(between, words=words)) == [1, 2, 3]
    assert queries.count(database, "", between) == queries.count(database, words, between) == 3

    code, said = await wireroom(settings, "search", "--limit", "4")
    assert (code, "1 to 4 of 6 articles. `--page 2` shows more." in said) == (0, True), said
    code, said = await wireroom(settings, "search", "--limit", "4", "--page", "2")
    assert (code, "5 to 6 of 6 articles.\n" in said) == (0, True), said
    assert (await wireroom(settings, "search", "--limit", "4", "--page", "3"))[0] == 1
