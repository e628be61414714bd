"""Health under faults: red soon and with the reason, green soon after, and nothing lost in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from faststream import FastStream
from nats.aio.client import Client

from services.ingest.app import identified
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.observability.healthcheck import why
from shared.runtime.breaker import Limits
from shared.runtime.delivery import Attempts
from shared.runtime.middleware import Delivered
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import INGEST
from tests.health_answers import green, red, until
from tests.running import idle, publish, read, running
from wireroom.local import ports
from wireroom.ops import dead_letter_queue
from wireroom.ops.dead_letter_queue import replay
from wireroom.testing.factories import a_submission


@pytest.mark.parametrize("attempts", [Attempts(limit=1), Attempts(first_delay=0.1)], ids=["at once", "as usual"])
async def test_a_service_that_fails_at_everything_stops_and_goes_on_by_itself_once_it_is_mended(
    broker: Client, settings: Settings, attempts: Attempts
) -> None:
    """The whole way: hardly a dead letter, red with the reason, resumed, and every article arrives."""
    mended = False

    def service(settings: Settings) -> FastStream:
        ingest = Broker("ingest", settings, attempts=attempts)

        @ingest.subscriber(INGEST)
        @ingest.publisher(ArticleIngested)
        async def with_a_bug(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
            if not mended:
                raise ZeroDivisionError("a bug that was deployed today")
            return await identified(article, delivery)

        return FastStream(ingest)

    [port] = ports.free(1)
    guids = [f"a{number}" for number in range(150)]
    await publish(broker, *(a_submission(guid=guid) for guid in guids))
    async with running(service, settings=settings.model_copy(update={"health_port": port})):
        told = await until(port, red("a bug that was deployed today"))
        assert told["pending"] > 0
        assert await asyncio.to_thread(why, port) == told["why"]
        mended = True
        await until(port, green)
        await idle(broker, "INBOX", "ingest")
        js = broker.jetstream()
        dead = [letter.sequence async for letter in dead_letter_queue.read(js)]
        assert len(dead) <= Limits().failing
        assert bool(dead) == (attempts.limit == 1)
        for number in dead:
            found = await dead_letter_queue.get(js, number)
            assert found
            assert await replay(js, *found)
        raw = await read(broker, "RAW", "news.v1.raw.>", len(guids))
    arrived = [ArticleIngested.model_validate_json(message.data).guid for message in raw]
    assert sorted(map(str, arrived)) == sorted(guids)


async def test_health_is_shown_before_the_service_opens_anything(settings: Settings) -> None:
    """A model that loads slowly or a broker that is away must not look like a process that is not there."""
    [port] = ports.free(1)
    listening: list[bool] = []

    def service(settings: Settings) -> FastStream:
        @asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            listening.append(not ports.is_free(port))
            assert "it is starting" in await asyncio.to_thread(why, port)
            yield

        ingest = Broker("ingest", settings)

        @ingest.subscriber(INGEST)
        @ingest.publisher(ArticleIngested)
        async def handle(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
            return await identified(article, delivery)

        return FastStream(ingest, lifespan=lifespan)

    async with running(service, settings=settings.model_copy(update={"health_port": port})):
        await until(port, green)
    assert listening == [True]
