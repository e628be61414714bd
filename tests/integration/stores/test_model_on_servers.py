"""The same model against the real broker and the real database: fewer histories, the same promises."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import nats
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pymongo import AsyncMongoClient

from services.ingest import app as ingest
from services.store import app as store
from shared.broker import provisioning
from shared.messages import ArticleStored
from shared.runtime.crash_guard import CrashGuard
from shared.runtime.service import Broker
from shared.settings import Settings
from tests.fakes.model import QUICK, Document, Driven, Machine, without_a_model
from wireroom.ops.dead_letter_queue import origins
from wireroom.testing.fake_broker import prepared


class RealPipeline:
    """Takes the services' deliveries one by one from the broker, as the services do."""

    def __init__(self, js: JetStreamContext, mongo: AsyncMongoClient[dict[str, Any]], settings: Settings) -> None:
        self._js, self._articles = js, mongo[settings.mongo_database]
        guard = CrashGuard(js)
        self.services = (
            prepared(ingest.app(settings, QUICK), js, guard),
            prepared(without_a_model(settings, QUICK), js, guard),
            prepared(store.app(settings, QUICK), js, guard),
        )
        self._readers: dict[str, JetStreamContext.PullSubscription] = {}

    async def submit(self, data: bytes) -> int:
        return (await self._js.publish("news.v1.submitted", data, stream="INBOX")).seq

    async def delivery(self, broker: Broker, _choice: int) -> Msg | None:
        reads = broker.reads
        if reads.durable not in self._readers:  # one for all deliveries: a closed one may still be sent a message
            self._readers[reads.durable] = await self._js.pull_subscribe_bind(reads.durable, reads.stream)
        async with asyncio.timeout(60):
            while await self._waits(broker):  # an answer counts a moment after it was sent
                with suppress(TimeoutError):
                    [raw] = await self._readers[reads.durable].fetch(1, timeout=0.1)
                    return raw
        return None

    async def _waits(self, broker: Broker) -> bool:
        info = await self._js.consumer_info(broker.reads.stream, broker.reads.durable)
        return bool(info.num_pending or info.num_ack_pending)

    async def give_back(self, raw: Msg) -> None:
        await raw.nak()

    async def articles(self) -> dict[str, Document]:
        kept = await self._articles["article_versions"].find().to_list()
        found = {}
        for newest in await self._articles["articles"].find().to_list():
            texts = {_text(version) for version in kept if version["article_id"] == newest["_id"]} | {_text(newest)}
            found[newest["guid"]] = Document(newest["version"], _text(newest), frozenset(texts))
        return found

    async def fates(self) -> dict[int, list[str]]:
        fates: dict[int, list[str]] = {}
        for message in await self._all("NEWS", "news.v1.stored.>"):
            event = ArticleStored.model_validate_json(message.data)
            fates.setdefault(event.version, []).append(event.outcome)
        for message in await self._all("DEAD", "news.dead.>"):
            [place] = origins(message)
            fates.setdefault(place, []).append((message.headers or {})["wireroom-reason"])
        return fates

    async def _all(self, stream: str, subject: str) -> list[Msg]:
        counted = (await self._js.stream_info(stream, subjects_filter=subject)).state.subjects or {}
        reader = await self._js.subscribe(subject, stream=stream, ordered_consumer=True)
        try:
            return [await reader.next_msg(10) for _ in range(sum(counted.values()))]
        finally:
            await reader.unsubscribe()


def _text(document: dict[str, Any]) -> str:
    return "\n\n".join(document["paragraphs"])


@asynccontextmanager
async def real(broker_url: str, mongo_url: str) -> AsyncIterator[Driven]:
    """Empty streams and an empty database, gone again afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await nats.connect(broker_url)
    js = connection.jetstream(timeout=10)
    try:
        await provisioning.apply(js)
        async with AsyncMongoClient[dict[str, Any]](mongo_url) as mongo:
            yield RealPipeline(js, mongo, Settings(nats_url=broker_url, mongo_url=mongo_url, mongo_database=name))
            await mongo.drop_database(name)
    finally:
        for stream in await js.streams_info():
            with suppress(nats.js.errors.NotFoundError):
                await js.delete_stream(stream.config.name or "")
        await connection.close()


@pytest.mark.hypothesis
@pytest.mark.timeout(900)
def test_what_holds_in_memory_holds_with_the_real_servers(broker_url: str, mongo_url: str) -> None:
    class Real(Machine):
        def open(self) -> AbstractAsyncContextManager[Driven]:
            return real(broker_url, mongo_url)

    few = settings(max_examples=settings().max_examples // 5, stateful_step_count=25)
    run_state_machine_as_test(Real, settings=few)
