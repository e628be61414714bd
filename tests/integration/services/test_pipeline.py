"""The whole path on real servers: what is published is in MongoDB once, newest version first, and announced."""

import asyncio
from collections import Counter
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy
from pymongo.database import Database

from shared.messages import ArticleExtracted, ArticleStored
from shared.runtime.run import load
from shared.settings import Settings
from shared.topology import PIPELINE
from tests.running import everything, publish, read, running
from wireroom.samples import sample_lines
from wireroom.testing.factories import BODY, a_submission

Articles = Database[dict[str, Any]]
LINK = "https://harbour-gazette.example/news/lock"


async def outcomes(broker: Client, count: int) -> list[ArticleStored]:
    events = await read(broker, "NEWS", "news.v1.stored.>", count)
    return [ArticleStored.model_validate_json(event.data) for event in events]


@pytest.fixture
def services() -> list[Any]:
    return everything()


async def test_a_published_article_is_in_mongodb_with_its_entities(
    broker: Client, settings: Settings, database: Articles, services: list[Any]
) -> None:
    async with running(*services, settings=settings):
        [place] = await publish(broker, a_submission(url=LINK, title="New lock", language="en"))
        [event] = await outcomes(broker, 1)
    assert (event.outcome, event.version) == ("inserted", place)
    [article] = database["articles"].find()
    assert article["_id"] == event.id
    assert article["paragraphs"] == BODY.split("\n\n")
    text = "\n\n".join(article["paragraphs"])
    mentions = [mention for entity in article["entities"] for mention in entity["mentions"]]
    assert all(text[mention["start"] : mention["end"]] == mention["text"] for mention in mentions)
    assert "PERSON:marta bellamy" in article["entity_keys"]


async def test_the_same_article_a_hundred_times_is_one_document(
    broker: Client, settings: Settings, database: Articles, services: list[Any]
) -> None:
    async with running(*services, settings=settings):
        await publish(broker, *[a_submission(url=f"{LINK}?utm_id={number}") for number in range(100)])
        counted = Counter(event.outcome for event in await outcomes(broker, 100))
    assert counted == {"inserted": 1, "duplicate": 99}
    assert database["articles"].count_documents({}) == 1
    assert database["article_versions"].count_documents({}) == 0


async def test_a_changed_article_is_one_document_with_a_second_version(
    broker: Client, settings: Settings, database: Articles, services: list[Any]
) -> None:
    correction = f"{BODY}\n\nAn earlier version of this article gave a wrong date for the opening of the lock."
    async with running(*services, settings=settings):
        first, second = await publish(broker, a_submission(url=LINK), a_submission(url=LINK, body=correction))
        await outcomes(broker, 2)
    [article] = database["articles"].find()
    assert (article["version"], article["paragraphs"][0]) == (second, BODY.split("\n\n")[0])
    assert sorted(version["version"] for version in database["article_versions"].find()) == [first, second]


async def test_the_samples_end_as_they_should_and_every_one_is_accounted_for(
    broker: Client, settings: Settings, database: Articles
) -> None:
    """Extract with its own processes here."""
    lines = sample_lines()
    async with running(*(load(name) for name in reversed(PIPELINE)), settings=settings):
        places = await publish(broker, *lines)
        [letter] = await read(broker, "DEAD", "news.dead.>", 1)
        events = await outcomes(broker, len(lines) - 1)
    assert {event.version for event in events} | {int((letter.headers or {})["wireroom-sequence"])} == set(places)
    counted = Counter(event.outcome for event in events)
    assert counted["duplicate"] == 1
    assert database["articles"].count_documents({}) == counted["inserted"]
    assert all(article["paragraphs"] for article in database["articles"].find())


async def test_consumers_that_start_late_still_receive_everything(
    broker: Client, settings: Settings, services: list[Any]
) -> None:
    """A plain nats-py durable and a FastStream subscriber, both started after all the work is done."""
    async with running(*services, settings=settings):
        await publish(broker, *[a_submission(guid=f"late-{number}") for number in range(30)])
        await outcomes(broker, 30)
    wanted = {f"late-{number}" for number in range(30)}

    plain = await broker.jetstream().pull_subscribe("news.v1.extracted.>", durable="late-plain", stream="NEWS")
    fetched = await plain.fetch(30, timeout=20)
    assert {ArticleExtracted.model_validate_json(message.data).guid for message in fetched} == wanted

    assert await _received_by_faststream(settings.nats_url, 30) == wanted


async def _received_by_faststream(url: str, count: int) -> set[str | None]:
    from faststream import AckPolicy, FastStream
    from faststream.nats import JStream, NatsBroker, PullSub

    seen: set[str | None] = set()
    done = asyncio.Event()
    downstream = NatsBroker(url, logger=None)

    @downstream.subscriber(
        "news.v1.extracted.>",
        stream=JStream("NEWS", declare=False),
        durable="late-faststream",
        pull_sub=PullSub(batch_size=10),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def receive(article: ArticleExtracted) -> None:
        seen.add(article.guid)
        if len(seen) == count:
            done.set()

    app = FastStream(downstream, logger=None)
    task = asyncio.create_task(app.run())
    await asyncio.wait_for(done.wait(), 30)
    app.exit()
    await task
    return seen


async def test_a_filter_by_language_and_source_receives_only_what_it_names(
    broker: Client, settings: Settings, services: list[Any]
) -> None:
    async with running(*services, settings=settings):
        await publish(broker, a_submission(guid="1"), a_submission(guid="2", source="tide-times"))
        await outcomes(broker, 2)
    connection = await nats.connect(settings.nats_url)
    try:
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        readers = await connection.jetstream().subscribe(
            "news.v1.extracted.en.tide-times", stream="NEWS", ordered_consumer=True, config=config
        )
        message = await readers.next_msg(10)
        assert ArticleExtracted.model_validate_json(message.data).guid == "2"
        assert (await readers.consumer_info()).num_pending == 0
    finally:
        await connection.close()
