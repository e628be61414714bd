"""A take-down on real servers: every consumer is told, the text is nowhere, and nothing brings it back."""

import asyncio
import json
from typing import Any

import pytest
from nats.aio.client import Client
from pymongo.database import Database

from services.ingest.identity import article_id
from services.store.repository import Articles, connect
from shared.broker.stream_reader import all_of
from shared.broker.withdrawals import TOMBSTONES, Withdrawn, withdrawal
from shared.messages import ArticleIngested, ArticleWithdrawn
from shared.runtime.run import load
from shared.settings import Settings
from shared.topology import streams
from tests.commands import wireroom
from tests.running import everything, idle, publish, read, real_extract, running
from wireroom.ops.audit import balance, gather
from wireroom.testing.factories import BODY, a_submission, an_extracted_article

LINK = "https://harbour-gazette.example/news/lock"
TELLING = "Brackwater"  # a word of the text
OTHER = "The ferry to Lower Tamsin sails at noon from today, said Ada Quillon, who owns both of the boats."


async def holding(broker: Client, word: str) -> list[str]:
    """Return the subjects of all messages on the broker that hold a word."""
    js = broker.jetstream(timeout=10)
    messages = [message for stream in streams() async for message in all_of(js, stream.name or "", ">")]
    return [message.subject for message in messages if word.encode() in message.data]


async def withdrawn(broker: Client, count: int) -> list[ArticleWithdrawn]:
    events = await read(broker, "NEWS", "news.v1.withdrawn.>", count)
    return [ArticleWithdrawn.model_validate_json(event.data) for event in events]


async def test_a_withdrawn_article_is_gone_everywhere_and_stays_gone(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    services = everything()
    correction = f"{BODY}\n\nAn earlier version of this article gave a wrong date for the opening of the lock."
    async with running(*services, settings=settings):
        places = await publish(
            broker,
            a_submission(url=LINK, title="Brackwater opens the lock"),
            a_submission(url=LINK, body=correction),
            a_submission(guid="ferry", body=OTHER),
        )
        await read(broker, "NEWS", "news.v1.stored.>", 3)
        [raw, *_] = await read(broker, "RAW", "news.v1.raw.>", 1)
        code, said = await wireroom(settings, "withdraw", LINK, "--reason", "court order 12/26")
        assert code == 0, said
        assert "2 versions" in said
        assert {event.version for event in await withdrawn(broker, 2)} == set(places[:2])
        assert await holding(broker, TELLING) == []
        assert database["article_versions"].count_documents({}) == 0
        assert [article["guid"] for article in database["articles"].find()] == ["ferry"]
        assert TELLING not in json.dumps(list(database["withdrawn"].find()), default=str)

        # published anew, and its raw article replayed
        places += await publish(broker, a_submission(url=LINK))
        again = await withdrawn(broker, 3)
        assert (again[-1].version, again[-1].reason) == (places[-1], "court order 12/26")
        await broker.jetstream().publish(raw.subject, raw.data, stream="RAW", headers={"ce-id": "replay:1:1"})
        assert (await withdrawn(broker, 4))[-1].id == again[0].id
        await idle(broker, "RAW", "extract")
        reckoned = balance(await gather(broker.jetstream(timeout=10)))
        assert await holding(broker, TELLING) == []
        assert database["articles"].count_documents({}) == 1
        assert reckoned.outcomes == {"inserted": 1, "withdrawn": 3}
        assert reckoned.adds_up

        code, said = await wireroom(settings, "tail", "withdrawn", "--all", "--until-idle", "1s")
        assert (code, said.count("court order 12/26")) == (0, 4)
        code, said = await wireroom(settings, "show", again[0].id)
        assert "was withdrawn on" in said
        assert "court order 12/26" in said
        assert (await wireroom(settings, "audit"))[0] == 0

        code, _ = await wireroom(settings, "withdraw", again[0].id, "--lift")
        assert code == 0
        await publish(broker, a_submission(url=LINK))
        await read(broker, "NEWS", "news.v1.stored.>", 2)
        assert database["articles"].count_documents({}) == 2


async def test_what_waits_for_extract_is_withdrawn_when_it_comes_to_it(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    async with running(load("ingest"), load("store"), settings=settings):
        [place] = await publish(broker, a_submission(url=LINK))
        [raw] = await read(broker, "RAW", "news.v1.raw.>", 1)
        article = ArticleIngested.model_validate_json(raw.data)
        code, said = await wireroom(settings, "withdraw", LINK, "--reason", "mistaken identity")
        assert code == 0, said
        assert (await withdrawn(broker, 1))[0].version == place
        await broker.jetstream().publish(raw.subject, raw.data, stream="RAW")  # as if ingest had been about to
        async with running(real_extract, settings=settings):
            await idle(broker, "RAW", "extract")
    assert await holding(broker, TELLING) == []
    assert database["articles"].find_one({"_id": article.id}) is None


async def test_nothing_is_done_to_an_article_that_nobody_has(settings: Settings) -> None:
    code, said = await wireroom(settings, "withdraw", LINK, "--reason", "x")
    assert code == 1
    assert "nothing was done" in said
    assert article_id(a_submission(url=LINK)) in said


async def test_an_article_with_a_guid_is_withdrawn_shown_and_lifted_by_link_guid_and_file(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    article = a_submission(url=f"{LINK}?utm_source=mail", guid="lock-17")
    async with running(*everything(), settings=settings):
        await publish(broker, article)
        await read(broker, "NEWS", "news.v1.stored.>", 1)
        code, said = await wireroom(settings, "withdraw", LINK, "--lift")
        assert code == 1
        assert "nothing was lifted" in said
        for name in (f"{LINK}/print?CMP=share", "lock-17"):
            code, said = await wireroom(settings, "withdraw", name, "--reason", "court order")
            assert code == 0, said
            amp = LINK.replace("https://", "http://www.") + "/amp/"
            for asked in (LINK, f"{LINK}?utm_source=mail", amp, "lock-17", article_id(article)):
                code, said = await wireroom(settings, "show", asked)
                assert "was withdrawn on" in said, asked
            [tombstone] = (await TOMBSTONES.all(broker.jetstream())).values.values()
            kept = tombstone.model_dump_json() + json.dumps(database["withdrawn"].find_one(), default=str)
            assert "harbour-gazette.example" not in kept
            assert "lock-17" not in kept
            code, said = await wireroom(settings, "withdraw", name, "--lift")
            assert code == 0, said
            assert said == f"lifted {article_id(article)}: it comes in again when it is published anew\n"
            await publish(broker, article)
            await read(broker, "NEWS", "news.v1.stored.>", 1)  # what was announced before is erased
            await idle(broker, "NEWS", "store")
            assert database["articles"].count_documents({}) == 1


async def test_a_source_is_taken_down_with_all_its_articles_and_no_other(
    broker: Client, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    others = a_submission(guid="ferry", source="tide-times", body=OTHER)
    bad = b'{"source": "harbour-gazette", "body": "Brackwater", "titel": "x"}'
    async with running(real_extract, load("store"), settings=settings):
        async with running(load("ingest"), settings=settings):
            await publish(broker, a_submission(guid="1"), a_submission(guid="2"), others, bad)
            await read(broker, "NEWS", "news.v1.stored.>", 3)
            await idle(broker, "INBOX", "ingest")
        places = await publish(broker, a_submission(guid="3"))
        arguments = ("withdraw", "--source", "harbour-gazette")
        code, said = await wireroom(settings, *arguments, "--dry-run")
        assert code == 0, said
        assert said.startswith("would withdraw 3 articles of harbour-gazette: 2 stored, ")
        assert "1 waiting for ingest" in said
        code, said = await wireroom(settings, *arguments, "--reason", "contract ended")
        assert code == 1, "nobody said yes"
        assert database["articles"].count_documents({}) == 3
        code, said = await wireroom(settings, *arguments, "--reason", "contract ended", "--yes")
        assert code == 0, said
        async with running(load("ingest"), settings=settings):
            assert {event.reason for event in await withdrawn(broker, 3)} == {"contract ended"}
            await idle(broker, "INBOX", "ingest")
        code, said = await wireroom(settings, *arguments, "--reason", "contract ended", "--yes")
        assert code == 1
        assert "nothing was done" in said
    assert [article["source"] for article in database["articles"].find()] == ["tide-times"]
    assert await holding(broker, TELLING) == []
    reckoned = balance(await gather(broker.jetstream(timeout=10)))
    assert (reckoned.outcomes, reckoned.dropped, reckoned.adds_up) == ({"inserted": 1, "withdrawn": 3}, 1, True), places


@pytest.fixture
async def articles(settings: Settings, database: Database[dict[str, Any]]) -> Any:  # noqa: ANN401
    async with connect(settings.mongo_url) as client:
        articles = Articles(client[database.name])
        await articles.prepare()
        yield articles


async def test_whoever_comes_last_in_a_race_deletes(articles: Articles, database: Database[dict[str, Any]]) -> None:
    """Writers and the withdrawal at once, many times: the end is always a tombstone and no document."""
    for number in range(20):
        article = an_extracted_article(guid=str(number))
        newer = article.model_copy(update={"version": 2, "content_hash": "f" * 64})
        answers = await asyncio.gather(
            articles.write([article]), articles.withdraw(withdrawal(article, "race")), articles.write([newer])
        )
        assert database["articles"].find_one({"_id": article.id}) is None
        assert database["article_versions"].find_one({"article_id": article.id}) is None
        assert answers[1] is None
        [late] = await articles.write([newer])
        assert isinstance(late, Withdrawn)
        assert late.reason == "race"
