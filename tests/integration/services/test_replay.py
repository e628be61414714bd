"""Raw articles sent through again: nothing changes unless a newer pipeline made something else of them."""

import json
from functools import partial
from typing import Any

from nats.aio.client import Client
from pymongo.database import Database

from shared.messages import ArticleStored, Pipeline
from shared.runtime.run import App, load
from shared.settings import Settings
from tests.commands import wireroom
from tests.fakes.model import without_a_model
from tests.running import idle, publish, read, running
from wireroom.ops.audit import balance, gather
from wireroom.testing.factories import BODY, PIPELINE, a_submission

ARTICLES = [
    a_submission(guid="lock"),
    a_submission(guid="lock", body=f"{BODY}\n\nThe date of the opening was corrected."),
    a_submission(guid="ferry", body="The ferry sails at noon."),
    a_submission(guid="market", body="The market closes at two.", source="valdoria-post"),
]


def made_by(rules: str) -> App:
    return partial(without_a_model, pipeline=Pipeline(**PIPELINE.model_dump() | {"rules": rules}))


async def everything_stored(broker: Client) -> None:
    await idle(broker, "RAW", "extract")
    await idle(broker, "NEWS", "store")


async def outcomes(broker: Client, count: int) -> list[str]:
    events = await read(broker, "NEWS", "news.v1.stored.>", count)
    return [ArticleStored.model_validate_json(event.data).outcome for event in events]


def documents(database: Database[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [list(database[name].find().sort("_id")) for name in ("articles", "article_versions")]


async def test_a_replay_changes_nothing_and_takes_no_more_room(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    async with running(load("store"), made_by("1"), load("ingest"), settings=settings):
        await publish(broker, *ARTICLES)
        await read(broker, "NEWS", "news.v1.stored.>", 4)
        before = documents(database)
        code, said = await wireroom(settings, "replay", "--dry-run", "--json")
        assert (code, json.loads(said)) == (0, {"v": 1, "would_replay": 4})
        code, said = await wireroom(settings, "replay")
        assert (code, said.strip()) == (0, "replayed 4")
        await read(broker, "NEWS", "news.v1.stored.>", 8)
        code, said = await wireroom(settings, "replay", "--source", "valdoria-post", "--since", "1h", "--rate", "50")
        assert (code, said.strip()) == (0, "replayed 1")
        await read(broker, "NEWS", "news.v1.stored.>", 9)
        await everything_stored(broker)
        assert documents(database) == before
        assert (await broker.jetstream().stream_info("RAW")).state.messages == 4
        reckoned = balance(await gather(broker.jetstream(timeout=10)))
        assert reckoned.outcomes == {"inserted": 3, "updated": 1}
        assert reckoned.adds_up


async def test_nothing_to_replay_is_said(settings: Settings, broker: Client) -> None:
    assert broker.is_connected
    assert await wireroom(settings, "replay", "--id", "f" * 32) == (1, "replayed 0\n")


async def test_a_newer_pipeline_takes_the_place_of_an_older_one_and_is_not_taken_back(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    async with running(load("store"), load("ingest"), settings=settings):
        async with running(made_by("1"), settings=settings):
            await publish(broker, *ARTICLES)
            await read(broker, "NEWS", "news.v1.stored.>", 4)
            await everything_stored(broker)
        versions = database["article_versions"].count_documents({})
        async with running(made_by("2"), settings=settings):
            code, said = await wireroom(settings, "reprocess", "--where", "pipeline.rules < 2")
            assert (code, said.strip()) == (0, "sent 3 of 3 through again")
            assert (await outcomes(broker, 7))[4:] == ["updated"] * 3
            await everything_stored(broker)
            assert await wireroom(settings, "reprocess", "--where", "pipeline.rules < 2", "--json") == (
                1,
                '{"v":1,"matching":0,"sent":0,"raw_article_gone":0}\n',
            )
        assert {a["pipeline"]["rules"] for a in database["articles"].find()} == {"2"}
        assert database["article_versions"].count_documents({}) == versions
        assert {v["pipeline"]["rules"] for v in database["article_versions"].find()} == {"1", "2"}
        async with running(made_by("1"), settings=settings):  # a replica that was not renewed yet
            assert (await wireroom(settings, "replay"))[0] == 0
            await everything_stored(broker)
        assert {a["pipeline"]["rules"] for a in database["articles"].find()} == {"2"}
        reckoned = balance(await gather(broker.jetstream(timeout=10)))
        assert reckoned.outcomes == {"inserted": 3, "updated": 1}
        assert reckoned.adds_up


async def test_raw_articles_that_have_left_the_broker_are_counted(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    async with running(load("store"), made_by("1"), load("ingest"), settings=settings):
        await publish(broker, *ARTICLES)
        await read(broker, "NEWS", "news.v1.stored.>", 4)
        await everything_stored(broker)
        await broker.jetstream().purge_stream("RAW", subject="news.v1.raw.valdoria-post")
        code, said = await wireroom(settings, "reprocess", "--where", "language = en")
    assert code == 0
    assert "sent 2 of 3 through again; the raw articles of 1 have left the broker" in " ".join(said.split())
    assert database["articles"].count_documents({}) == 3


async def test_what_others_put_into_our_streams_is_passed_over(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    for stream, subject in (("RAW", "raw.x"), ("NEWS", "extracted.en.x"), ("NEWS", "stored.en.x")):
        await js.publish(f"news.v1.{subject}", b'{"hello": 1}', stream=stream)
    code, said = await wireroom(settings, "replay", "--dry-run", "--json")
    assert (code, json.loads(said)) == (1, {"v": 1, "would_replay": 0})
    code, said = await wireroom(settings, "tail", "--all", "--until-idle", "1s")
    assert (code, said.split(maxsplit=1)[1].strip()) == (0, "no article  news.v1.extracted.en.x")
    assert balance(await gather(js)).adds_up
