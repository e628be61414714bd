"""The shell around a handler on a real broker: what FastStream's own policies lose is not lost here."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from faststream import AckPolicy, FastStream
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NoKeysError

from services.ingest.app import app as ingest
from shared.errors import Reason, Rejected, Unavailable
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.runtime.delivery import Attempts
from shared.runtime.middleware import Delivered
from shared.runtime.run import App, load
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import INGEST, PIPELINE, SUSPECTS
from tests.running import publish, read, running
from wireroom.testing.factories import NOON, a_raw_article, a_submission

QUICK = Attempts(first_delay=0.02)
Work = Callable[[ArticleSubmitted], Awaitable[None]]


def a_service(work: Work, attempts: Attempts = QUICK) -> App:
    """Ingest with another handler: it does the work, then gives a raw article that carries the submission's guid."""

    def app(settings: Settings) -> FastStream:
        broker = Broker("ingest", settings, attempts=attempts)

        @broker.subscriber(INGEST)
        @broker.publisher(ArticleIngested)
        async def handle(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
            await work(article)
            return a_raw_article(guid=article.guid, version=delivery.sequence)

        return FastStream(broker)

    return app


async def guids(broker: Client, count: int) -> list[str | None]:
    raw = await read(broker, "RAW", "news.v1.raw.>", count)
    return [ArticleIngested.model_validate_json(message.data).guid for message in raw]


async def left_in(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


@pytest.mark.parametrize("name", PIPELINE)
def test_no_subscriber_answers_by_a_policy_of_faststream(name: str) -> None:
    """Each would lose messages or deliver them thousands of times (traps F1, F2)."""
    broker = load(name)(Settings()).broker
    assert broker is not None
    assert [subscriber.ack_policy for subscriber in broker.subscribers] == [AckPolicy.MANUAL]


async def test_a_handler_that_fails_once_loses_nothing(broker: Client, settings: Settings) -> None:
    """FastStream's default would terminate the message at the first exception (trap F1)."""
    tried: Counter[str | None] = Counter()

    async def fails_once(article: ArticleSubmitted) -> None:
        tried[article.guid] += 1
        if tried[article.guid] == 1:
            raise ConnectionError("mongo down")

    wanted = [f"a{number}" for number in range(20)]
    async with running(a_service(fails_once), settings=settings):
        await publish(broker, *(a_submission(guid=guid) for guid in wanted))
        assert sorted(map(str, await guids(broker, 20))) == sorted(wanted)
    assert set(tried.values()) == {2}
    js = broker.jetstream()
    assert (await left_in(js, "INBOX"), await left_in(js, "DEAD")) == (0, 0)


async def test_a_message_that_always_fails_is_tried_a_bounded_number_of_times_and_set_aside(
    broker: Client, settings: Settings
) -> None:
    """FastStream's NACK_ON_ERROR would deliver it thousands of times a second (trap F2)."""
    tried: Counter[str | None] = Counter()

    async def poisoned(article: ArticleSubmitted) -> None:
        tried[article.guid] += 1
        if article.guid == "poison":
            raise RuntimeError("always")

    async with running(a_service(poisoned), settings=settings):
        await publish(broker, a_submission(guid="before"), a_submission(guid="poison"), a_submission(guid="after"))
        [letter] = await read(broker, "DEAD", "news.dead.>", 1)
        assert sorted(map(str, await guids(broker, 2))) == ["after", "before"]
    assert tried["poison"] == 5
    assert letter.subject == "news.dead.ingest.retries_exhausted"
    assert ArticleSubmitted.model_validate_json(letter.data).guid == "poison"
    assert (letter.headers or {})["wireroom-detail"] == "RuntimeError: always"
    assert await left_in(broker.jetstream(), "INBOX") == 0


async def test_a_rejected_message_is_not_tried_again(broker: Client, settings: Settings) -> None:
    tried: list[str | None] = []

    async def refuses(article: ArticleSubmitted) -> None:
        tried.append(article.guid)
        raise Rejected(Reason.NO_ARTICLE_TEXT, "only promotions")

    async with running(a_service(refuses), settings=settings):
        await publish(broker, a_submission(guid="only"))
        [letter] = await read(broker, "DEAD", "news.dead.ingest.no_article_text", 1)
    assert tried == ["only"]
    assert (letter.headers or {})["wireroom-attempts"] == "1"


async def test_an_outage_longer_than_all_attempts_sets_nothing_aside(broker: Client, settings: Settings) -> None:
    tried = 0
    away = asyncio.Event()

    async def waits(_article: ArticleSubmitted) -> None:
        nonlocal tried
        tried += 1
        if tried <= 20:
            raise Unavailable("MongoDB", "db", "refused")
        away.set()

    async with running(a_service(waits, Attempts(first_delay=0.001, longest_hold=0.01)), settings=settings):
        await publish(broker, a_submission(guid="patient"))
        assert await guids(broker, 1) == ["patient"]
    assert away.is_set()
    assert await left_in(broker.jetstream(), "DEAD") == 0


async def test_neighbours_delivered_many_times_without_an_answer_are_worked_on(
    broker: Client, settings: Settings
) -> None:
    await publish(broker, *(a_submission(guid=f"neighbour-{number}") for number in range(3)))
    pulling = await broker.jetstream().pull_subscribe_bind("ingest", "INBOX")
    for _ in range(8):  # a process that dies answers nothing; a plain nak stands for the time-out that follows
        for message in await pulling.fetch(3, timeout=5):
            await message.nak()
    async with running(ingest, settings=settings):
        assert sorted(map(str, await guids(broker, 3))) == ["neighbour-0", "neighbour-1", "neighbour-2"]
    notes = await broker.jetstream().key_value(SUSPECTS)
    with pytest.raises(NoKeysError):
        await notes.keys()


BAD: list[tuple[bytes, Reason]] = [
    (b"", Reason.EMPTY_BODY),
    (b"not json", Reason.NOT_JSON),
    (b'{"source": "harbour-gazette"}', Reason.SCHEMA),
    (b'{"source": "harbour-gazette", "body": "x", "publishd_at": "2026-03-01"}', Reason.UNKNOWN_FIELD),
    (b'{"source": "harbour-gazette", "body": ""}', Reason.EMPTY_BODY),
    (b'{"source": "harbour-gazette", "body": "x", "media_type": "application/pdf"}', Reason.UNSUPPORTED_MEDIA_TYPE),
    (b'{"source": "harbour-gazette", "body": "\xff\xfe"}', Reason.NOT_UTF8),
    (b'{"source": "harbour-gazette", "body": "' + b"x" * (2 * 1024 * 1024 + 1) + b'"}', Reason.TOO_LARGE),
    (b'{"source": "harbour-gazette", "body": "x", "url": "javascript:alert(1)"}', Reason.BAD_URL),
]


async def test_bad_submissions_are_set_aside_with_reason_and_bytes_and_their_neighbours_arrive(
    broker: Client, settings: Settings
) -> None:
    mixed: list[ArticleSubmitted | bytes] = []
    for number, (data, _) in enumerate(BAD):
        mixed += [data, a_submission(guid=f"good-{number}")]
    async with running(ingest, settings=settings):
        await publish(broker, *mixed)
        letters = await read(broker, "DEAD", "news.dead.ingest.>", len(BAD))
        arrived = await guids(broker, len(BAD))
    assert sorted(map(str, arrived)) == [f"good-{number}" for number in range(len(BAD))]
    reasons = {letter.data: (letter.headers or {})["wireroom-reason"] for letter in letters}
    assert reasons == {data: reason.value for data, reason in BAD}
    assert await left_in(broker.jetstream(), "INBOX") == 0


async def test_an_accepted_article_keeps_its_version_and_time_when_it_is_delivered_again(
    broker: Client, settings: Settings
) -> None:
    js = broker.jetstream()
    [place] = await publish(broker, a_submission(guid="twice"))
    pulling = await js.pull_subscribe_bind("ingest", "INBOX")
    [first] = await pulling.fetch(1, timeout=5)
    received = first.metadata.timestamp
    await first.nak()
    async with running(ingest, settings=settings):
        [raw] = await read(broker, "RAW", "news.v1.raw.>", 1)
    article = ArticleIngested.model_validate_json(raw.data)
    assert (article.version, article.received_at) == (place, received)
    assert received > NOON
