"""Three brokers and three databases: the leader and the primary die in turn while articles come in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import nats
import pytest
from nats.js import JetStreamContext
from pymongo import MongoClient

from shared import run
from shared.settings import Settings
from tests.clusters import Nodes, leader, primary, three_brokers, three_databases
from tests.factories import BODY, a_submission
from tests.stacks import expected, publish
from wireroom.audit import balance, gather
from wireroom.local import ports, service
from wireroom.local.programs import until_ready
from wireroom.outcomes import follow

ROUNDS = ("INBOX", "RAW", "NEWS")  # whose leader dies
SERVICES = ("ingest", "extract", "store")


@asynccontextmanager
async def services(folder: Path, brokers: Nodes, databases: Nodes) -> AsyncIterator[Nodes]:
    urls = {"WIREROOM_NATS_URL": brokers.url, "WIREROOM_MONGO_URL": databases.url}
    programs = {
        name: service.program(name, folder, port, urls, name=name)
        for name, port in zip(SERVICES, ports.free(len(SERVICES)), strict=True)
    }
    async with Nodes("", programs).running() as nodes:
        for program in programs.values():
            async with asyncio.timeout(60):
                await until_ready(program.probe)
        yield nodes


class Load:
    """Publishes one article after the other until it is told to stop; ``places`` are those the cluster took."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self.places: list[int] = []
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task

    async def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            self.places.append(await publish(self._js, a_submission(guid=f"article-{number}")))

    async def more(self, count: int) -> None:
        """Return once so many more were taken."""
        wanted = len(self.places) + count
        async with asyncio.timeout(60):
            while len(self.places) < wanted:  # noqa: ASYNC110 - the publisher has no event for it
                await asyncio.sleep(0.05)


@pytest.mark.nightly
@pytest.mark.timeout(300)
async def test_killing_leader_and_primary_in_turn_loses_nothing(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        brokers = await stack.enter_async_context(three_brokers(tmp_path / "brokers"))
        databases = await stack.enter_async_context(three_databases(tmp_path / "databases"))
        settings = Settings(nats_url=brokers.url, mongo_url=databases.url, stream_replicas=3)
        await run.setup(settings)
        await stack.enter_async_context(services(tmp_path / "services", brokers, databases))
        connection = await nats.connect(
            brokers.url.split(","), reconnect_time_wait=0.1, max_reconnect_attempts=-1, error_cb=expected
        )
        stack.push_async_callback(connection.close)
        js = connection.jetstream(timeout=10)
        async with Load(js) as load:
            for stream in ROUNDS:
                for nodes, dies in ((brokers, await leader(js, stream)), (databases, await primary(databases))):
                    await load.more(20)
                    await nodes.kill(dies)
                    await load.more(20)
                    await nodes.start(dies)
                await leader(js, stream)
                await primary(databases)
        fates = await follow(js, load.places, patience=120, progress=lambda _: None)
        reckoned = balance(await gather(js), load.places)
        found = documents(databases.url)
    assert {place: fate.outcome for place, fate in fates.items()} == dict.fromkeys(load.places, "inserted")
    assert (reckoned.missing, reckoned.dead, reckoned.in_flight) == ((), 0, 0)
    assert len(found) == len(load.places)
    assert {tuple(article["paragraphs"]) for article in found} == {tuple(BODY.split("\n\n"))}


def documents(url: str) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](url, timeoutMS=20_000) as client:
        return list(client["wireroom"]["articles"].find())
