"""The store against a real MongoDB: in any order, any number of times, from several replicas."""

import asyncio
import hashlib
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from services.store.documents import (
    Operation,
    Write,
    advance_version,
    bulk,
    document,
    history_document,
    prepare,
    replace,
)
from services.store.repository import Articles, connect
from shared.errors import Reason, Rejected, Unavailable
from shared.messages import ArticleExtracted, Entity, Pipeline
from tests.seeds import some_of

Database = AsyncDatabase[dict[str, Any]]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[Database]:
    async with connect(mongo_url) as client:
        name = f"test_{uuid.uuid4().hex}"
        await Articles(client[name]).prepare()
        yield client[name]
        await client.drop_database(name)


@pytest.fixture
def articles(database: Database) -> Articles:
    return Articles(database)


def an_article(version: int = 1, text: str = "Quillon opened a bridge.", name: str = "bridge", **fields: Any) -> Any:  # noqa: ANN401
    """Return a valid article; fields that no valid article has are put in unchecked."""
    valid = ArticleExtracted(
        id=hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
        version=version,
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        source="morrow-wire",
        guid=f"guid-{name}",
        url=f"https://morrow.example/{name}",
        title=f"About the {name}",
        language="en",
        received_at=NOON + timedelta(seconds=min(version, 1000)),
        published_at=NOON,
        paragraphs=(text,),
        entities=(Entity(name="Ada Quillon", label="PERSON", count=1, aliases=("Quillon",)),),
        pipeline=Pipeline(wireroom="0.1.0", rules="1", model="test 1"),
    )
    return valid.model_copy(update=fields)


async def everything(database: Database, collection: str) -> list[dict[str, Any]]:
    return await database[collection].find().sort("_id").to_list()


async def versions_kept(database: Database) -> list[int]:
    return [kept["version"] for kept in await everything(database, "article_versions")]


async def test_a_first_version_is_inserted_as_its_document(database: Database, articles: Articles) -> None:
    article = an_article()
    assert await articles.write([article]) == ["inserted"]
    [stored] = await everything(database, "articles")
    expected = document(article)
    assert stored["paragraphs"] == list(expected.pop("paragraphs"))
    assert {
        key: stored[key] for key in ("_id", "version", "received_at", "published_at", "entity_keys", "summary")
    } == {key: expected[key] for key in ("_id", "version", "received_at", "published_at", "entity_keys", "summary")}
    assert await versions_kept(database) == []


async def test_an_empty_batch_has_no_answers(articles: Articles) -> None:
    assert await articles.write([]) == []


async def test_a_redelivered_first_version_is_announced_as_inserted_again(
    database: Database, articles: Articles
) -> None:
    await articles.write([an_article()])
    before = await everything(database, "articles")
    assert await articles.write([an_article()]) == ["inserted"]
    assert await everything(database, "articles") == before
    assert await versions_kept(database) == []


async def test_a_correction_replaces_and_keeps_both_versions(database: Database, articles: Articles) -> None:
    await articles.write([an_article(1)])
    assert await articles.write([an_article(2, "Quillon closed a bridge.", title="Closed")]) == ["updated"]
    [stored] = await everything(database, "articles")
    assert (stored["version"], stored["title"]) == (2, "Closed")
    kept = await everything(database, "article_versions")
    assert [(k["version"], k["article_id"], k["title"]) for k in kept] == [
        (1, stored["_id"], "About the bridge"),
        (2, stored["_id"], "Closed"),
    ]


async def test_history_has_the_same_shape_whichever_way_it_came(database: Database, articles: Articles) -> None:
    await articles.write([an_article(1)])
    await articles.write([an_article(2, "other")])
    copied, sent = await everything(database, "article_versions")
    assert set(copied) == set(sent) == set(history_document(an_article()))


async def test_a_redelivered_correction_is_announced_as_updated_again(database: Database, articles: Articles) -> None:
    await articles.write([an_article(1)])
    await articles.write([an_article(2, "other")])
    assert await articles.write([an_article(2, "other")]) == ["updated"]
    assert await versions_kept(database) == [1, 2]


async def test_equal_content_moves_the_version_and_adds_no_history(database: Database, articles: Articles) -> None:
    await articles.write([an_article(1)])
    assert await articles.write([an_article(2, title="must not be taken")]) == ["duplicate"]
    [stored] = await everything(database, "articles")
    assert (stored["version"], stored["received_at"]) == (2, NOON + timedelta(seconds=2))
    assert stored["title"] == "About the bridge"
    assert await versions_kept(database) == []


async def test_a_late_correction_does_not_overtake_its_own_reversal(database: Database, articles: Articles) -> None:
    await articles.write([an_article(1), an_article(3)])
    assert await articles.write([an_article(2, "a wrong correction")]) == ["superseded"]
    [stored] = await everything(database, "articles")
    assert (stored["version"], stored["summary"]) == (3, "Quillon opened a bridge.")
    assert await versions_kept(database) == [2, 3]


async def test_an_older_version_with_equal_content_is_a_duplicate(database: Database, articles: Articles) -> None:
    await articles.write([an_article(5)])
    assert await articles.write([an_article(4)]) == ["duplicate"]
    assert [stored["version"] for stored in await everything(database, "articles")] == [5]
    assert await versions_kept(database) == []


async def test_one_batch_ends_like_its_messages_one_by_one(database: Database, articles: Articles) -> None:
    batch = [an_article(3, "c"), an_article(1, "a"), an_article(2, "b"), an_article(1, "a"), an_article(4, "c")]
    answers = await articles.write(batch)
    assert answers == ["updated", "inserted", "updated", "inserted", "duplicate"]
    assert await versions_kept(database) == [1, 2, 3]
    assert [stored["version"] for stored in await everything(database, "articles")] == [4]


async def test_a_crash_between_history_and_replacement_is_made_good(database: Database, articles: Articles) -> None:
    await articles.write([an_article(1)])
    await database.article_versions.insert_one(history_document(an_article(2, "other")))
    assert await articles.write([an_article(2, "other")]) == ["updated"]
    assert await versions_kept(database) == [1, 2]


POISON = {
    "a lone surrogate": an_article(name="bad", title="\ud800"),
    "16 million characters": an_article(name="bad", paragraphs=("x" * 16_000_000,)),
    "a version of 65 bits": an_article(2**64, name="bad"),
    "a language that the validator refuses": an_article(name="bad", language="not a language"),
}


@pytest.mark.parametrize("bad", POISON.values(), ids=POISON)
async def test_poison_is_rejected_and_its_neighbours_are_stored(
    database: Database, articles: Articles, bad: ArticleExtracted
) -> None:
    first, verdict, last = await articles.write([an_article(name="a"), bad, an_article(name="b")])
    assert (first, last) == ("inserted", "inserted")
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.NOT_STORABLE
    assert 0 < len(verdict.detail) <= 200
    assert len(await everything(database, "articles")) == 2


async def test_a_poisonous_correction_leaves_the_article_as_it_was(database: Database, articles: Articles) -> None:
    await articles.write([an_article(1)])
    [verdict] = await articles.write([an_article(2, "other", language="not a language")])
    assert isinstance(verdict, Rejected)
    assert [stored["version"] for stored in await everything(database, "articles")] == [1]


async def test_a_document_just_below_the_limit_can_be_corrected(database: Database, articles: Articles) -> None:
    size = 15 * 1024 * 1024 - 1500
    await articles.write([an_article(1, "x" * size)])
    assert await articles.write([an_article(2, "y" * size)]) == ["updated"]
    assert await versions_kept(database) == [1, 2]


def deliveries(chance: random.Random, contents: str) -> list[ArticleExtracted]:
    """Return 12 articles of six versions, delivered once to three times, in any order."""
    made = [
        an_article(v, f"{n} {chance.choice(contents) if len(contents) < 6 else contents[v - 1]}", f"article {n}")
        for n in range(12)
        for v in range(1, 7)
    ]
    delivered = [article for article in made for _ in range(chance.randint(1, 3))]
    chance.shuffle(delivered)
    return delivered


def batches(chance: random.Random, delivered: list[ArticleExtracted]) -> list[list[ArticleExtracted]]:
    cuts = sorted(chance.sample(range(1, len(delivered)), 8))
    return [delivered[a:b] for a, b in zip([0, *cuts], [*cuts, len(delivered)], strict=True)]


@pytest.mark.parametrize("replicas", [1, 4])
@pytest.mark.parametrize("seed", some_of(6))
async def test_the_end_does_not_depend_on_order_repetition_or_replicas(
    database: Database, articles: Articles, seed: int, replicas: int
) -> None:
    chance = random.Random(seed)
    delivered = deliveries(chance, "abcdef")
    parts = batches(chance, delivered)
    for start in range(0, len(parts), replicas):
        await asyncio.gather(*(articles.write(part) for part in parts[start : start + replicas]))
    ended = [await everything(database, name) for name in ("articles", "article_versions")]

    for name in ("articles", "article_versions"):
        await database[name].delete_many({})
    for article in sorted(set(delivered), key=lambda a: (a.id, a.version)):
        await articles.write([article])
    assert ended == [await everything(database, name) for name in ("articles", "article_versions")]


@pytest.mark.parametrize("seed", some_of(6))
async def test_no_content_is_lost_when_contents_come_back(database: Database, articles: Articles, seed: int) -> None:
    chance = random.Random(seed)
    delivered = deliveries(chance, "ab")
    answers = [answer for part in batches(chance, delivered) for answer in await articles.write(part)]
    assert set(answers) <= {"inserted", "updated", "duplicate", "superseded"}
    assert len(answers) == len(delivered)

    stored = {found["_id"]: found for found in await everything(database, "articles")}
    contents = {key: {a.content_hash for a in delivered if a.id == key} for key in stored}
    newest = {a.id: a for a in sorted(delivered, key=lambda a: a.version)}
    assert {key: (s["version"], s["content_hash"], s["summary"]) for key, s in stored.items()} == {
        key: (a.version, a.content_hash, a.text) for key, a in newest.items()
    }
    kept = await everything(database, "article_versions")
    assert {key: {k["content_hash"] for k in kept if k["article_id"] == key} for key in stored} == {
        key: hashes if len(hashes) > 1 else set() for key, hashes in contents.items()
    }


def given_again(chance: random.Random) -> list[ArticleExtracted]:
    """Return articles of a broker that was restored: their numbers were given twice, for other contents."""
    numbers = [chance.randint(1, 4) for _ in range(8)]
    made = [
        an_article(
            v, chance.choice("abc"), f"article {n}", received_at=NOON + timedelta(milliseconds=chance.randint(0, 3))
        )
        for n in range(6)
        for v in numbers
    ]
    delivered = [article for article in made for _ in range(chance.randint(1, 2))]
    chance.shuffle(delivered)
    return delivered


@pytest.mark.parametrize("replicas", [1, 4])
@pytest.mark.parametrize("seed", some_of(4))
async def test_numbers_that_were_given_twice_lose_no_content_and_end_alike(
    database: Database, articles: Articles, seed: int, replicas: int
) -> None:
    chance = random.Random(seed)
    delivered = given_again(chance)
    parts = batches(chance, delivered)
    for start in range(0, len(parts), replicas):
        await asyncio.gather(*(articles.write(part) for part in parts[start : start + replicas]))
    newest = {a.id: a for a in sorted(delivered, key=lambda a: (a.version, a.received_at, a.content_hash))}
    stored = {found["_id"]: found for found in await everything(database, "articles")}
    assert {key: (found["version"], found["content_hash"]) for key, found in stored.items()} == {
        key: (article.version, article.content_hash) for key, article in newest.items()
    }
    kept = await everything(database, "article_versions")
    for key, found in stored.items():
        hashes = {k["content_hash"] for k in kept if k["article_id"] == key} | {found["content_hash"]}
        assert hashes == {article.content_hash for article in delivered if article.id == key}


async def test_replicas_that_race_for_the_same_articles_store_each_once(database: Database, articles: Articles) -> None:
    batch = [an_article(name=f"article {n}") for n in range(50)]
    answers = await asyncio.gather(*(articles.write(batch) for _ in range(8)))
    assert Counter(answer for part in answers for answer in part) == {"inserted": 400}
    assert len(await everything(database, "articles")) == 50


@pytest.mark.parametrize("operation", [advance_version, replace])
async def test_the_database_itself_refuses_a_step_back_that_was_decided_on_an_old_view(
    database: Database, articles: Articles, operation: Callable[[Write], Operation]
) -> None:
    await articles.write([an_article(3)])
    late = prepare(an_article(2, title="late"))
    assert isinstance(late, Write)
    await bulk(database.articles, [late], operation)
    assert [(s["version"], s["title"]) for s in await everything(database, "articles")] == [(3, "About the bridge")]


async def test_preparing_again_and_at_once_changes_nothing(database: Database, articles: Articles) -> None:
    before = await database.articles.index_information()
    await asyncio.gather(*(articles.prepare() for _ in range(3)))
    assert await database.articles.index_information() == before
    assert set(before) == {
        "_id_",
        "newest",
        "highest",
        "latest",
        "latest_of_source",
        "latest_of_entity",
        "guid",
        "words",
        "no_model",
    }


async def test_a_new_database_is_prepared_by_several_replicas_at_once(mongo_url: str) -> None:
    async with connect(mongo_url) as client:
        fresh = client[f"test_{uuid.uuid4().hex}"]
        await asyncio.gather(*(Articles(fresh).prepare() for _ in range(3)))
        assert sorted(await fresh.list_collection_names()) == ["article_versions", "articles"]
        await client.drop_database(fresh.name)


QUERIES: dict[str, dict[str, Any]] = {
    "latest_of_source": {"source": "morrow-wire"},
    "latest_of_entity": {"entity_keys": "PERSON:quillon"},
    "guid": {"guid": "guid-bridge"},
    "words": {"$text": {"$search": "bridge"}},
}


@pytest.mark.parametrize("index", QUERIES)
async def test_a_query_finds_the_article_through_its_index(database: Database, articles: Articles, index: str) -> None:
    other = an_article(name="tower", guid=None, source="other-wire", entities=(), paragraphs=("A tower.",))
    await articles.write([an_article(language="zh"), other])
    cursor = database.articles.find(QUERIES[index])
    assert f"'indexName': '{index}'" in str((await cursor.explain())["queryPlanner"]["winningPlan"])
    assert [found["_id"] for found in await cursor.clone().to_list()] == [an_article().id]


async def test_a_database_that_is_away_is_unavailable_and_named() -> None:
    nobody = "mongodb://user:secret@127.0.0.1:1/"
    async with AsyncMongoClient[dict[str, Any]](nobody, serverSelectionTimeoutMS=50) as client:
        away = Articles(client["test"])
        for call in (away.prepare, lambda: away.write([an_article()])):
            with pytest.raises(Unavailable, match=r"MongoDB at 127\.0\.0\.1:1 .*ServerSelectionTimeout") as raised:
                await call()
            assert "secret" not in str(raised.value)


async def test_an_error_that_waiting_cannot_cure_is_not_unavailable(mongo_url: str) -> None:
    async with connect(mongo_url) as client:
        views = client[f"test_{uuid.uuid4().hex}"]
        await views.create_collection("articles", viewOn="elsewhere", pipeline=[])
        with pytest.raises(OperationFailure, match="is a view"):
            await Articles(views).write([an_article()])
        await client.drop_database(views.name)


def test_a_client_connects_only_when_used_and_asks_for_durable_writes() -> None:
    client = connect("mongodb://nowhere.invalid/?w=1&journal=false")
    assert client.write_concern.document == {"w": "majority", "j": True}
    assert client.read_concern.level == "majority"
