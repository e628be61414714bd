"""Health under faults: red soon and with the reason, green soon after, and nothing lost in between."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

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
from tests.running import idle, publish, read, running
from wireroom.local import local_stack, ports
from wireroom.ops import dead_letter_queue
from wireroom.ops.dead_letter_queue import replay
from wireroom.testing.factories import a_submission

SOON = 60.0  # seconds to notice a fault or its end, on a machine that does other things too


def answer(port: int, path: str) -> tuple[int, bytes]:
    """Ask as a container's health check does, which waits for four seconds (compose.yaml), whatever is wrong."""
    connection = HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", path)
        got = connection.getresponse()
        return got.status, got.read()
    finally:
        connection.close()


async def until(port: int, meant: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return what /readyz says once it is what is meant; all the while /livez says that the process lives."""
    async with asyncio.timeout(SOON):
        while True:
            status, body = await asyncio.to_thread(answer, port, "/readyz")
            assert await asyncio.to_thread(answer, port, "/livez") == (200, b"alive")
            told: dict[str, Any] = json.loads(body)
            assert (status == 200) == told["ready"]
            if meant(told):
                return told


def green(told: dict[str, Any]) -> bool:
    return bool(told["ready"])


def red(word: str) -> Callable[[dict[str, Any]], bool]:
    return lambda told: any(word in cause for cause in told["why"])


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still for as long as the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


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


async def test_services_are_red_while_what_they_need_stands_still_and_green_again_soon_after(tmp_path: Path) -> None:
    async with local_stack.running(tmp_path, lambda _: None, usual_ports=False) as running_stack:
        service_ports = running_stack.health_ports
        for port in service_ports.values():
            await until(port, green)
        with stopped(running_stack.processes["mongod"]):
            await until(service_ports["store"], red("MongoDB at 127.0.0.1"))
            assert green(await until(service_ports["ingest"], green))
        await until(service_ports["store"], green)
        with stopped(running_stack.processes["nats-server"]):
            for port in service_ports.values():
                await until(port, red("NATS"))
        for port in service_ports.values():
            await until(port, green)
