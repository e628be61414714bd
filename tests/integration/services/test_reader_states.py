"""`wireroom status` of any stack: who reads, who stands still, and what leaves a stream unread before long."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig

from services.ingest import app as ingest
from shared.limits import DAY
from shared.settings import Settings
from shared.topology import EXTRACT, KEEP
from tests.fakes.model import without_a_model
from tests.running import idle, publish, read, running
from wireroom.ops.consumer_status import ReaderState, _expiring
from wireroom.ops.pipeline_status import PipelineState, ServiceState, StreamState, look
from wireroom.testing.factories import a_submission


async def test_a_service_is_known_by_what_it_asks_for_and_when_it_got_on(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    async with running(ingest.app, settings=settings):
        await publish(broker, a_submission())
        await read(broker, "RAW", "news.v1.raw.>", 1)  # for a moment the broker counts nothing as waiting
        await idle(broker, "INBOX", "ingest")
        found = {service.service: service for service in (await look(js)).services}
    assert (found["ingest"].asking, found["ingest"].state, found["ingest"].still_seconds) == (1, "up to date", None)
    assert (found["extract"].asking, found["extract"].pending) == (0, 1)
    assert found["extract"].still_seconds is not None


async def test_two_processes_of_a_service_are_two_that_ask(broker: Client, settings: Settings) -> None:
    async with running(without_a_model, without_a_model, settings=settings):
        async with asyncio.timeout(20):  # the broker knows of a request a moment after its service is ready
            while await asking(broker, "extract") < 2:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        assert await asking(broker, "extract") == 2


async def asking(broker: Client, name: str) -> int:
    [service] = [s for s in (await look(broker.jetstream(timeout=10))).services if s.service == name]
    return service.asking


async def test_durables_of_others_are_shown_with_what_they_have_not_read(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    config = ConsumerConfig(durable_name="desk", filter_subject="news.v1.raw.>", ack_policy=AckPolicy.EXPLICIT)
    await js.add_consumer("RAW", config)
    async with running(ingest.app, settings=settings):
        await publish(broker, a_submission())
        await idle(broker, "INBOX", "ingest")
    state = await look(js)
    [reader] = state.readers
    assert (reader.stream, reader.durable, reader.pending, reader.asking) == ("RAW", "desk", 1, 0)
    assert reader.seconds_left is not None
    assert 6.9 * DAY < reader.seconds_left < 7 * DAY
    assert not any("desk" in finding for finding in state.findings(300))


def a_reader(old: float, left: float | None) -> ReaderState:
    return ReaderState("NEWS", "desk", 4, 1, 0, old, old, left)


def test_a_reader_that_loses_messages_before_long_is_a_finding() -> None:
    assert a_reader(3 * DAY, 4 * DAY).findings() == []
    assert a_reader(4 * DAY, None).findings() == []
    said = "desk, which reads NEWS and is not ours, has 5 messages unread, the oldest for"
    assert a_reader(5 * DAY, 2 * DAY).findings() == [f"{said} 5 days, 2 days left until they go."]
    assert a_reader(8 * DAY, -DAY).findings() == [f"{said} 8 days, and loses them now."]


async def test_unread_work_is_told_before_the_broker_would_delete_it(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    usual = (await js.stream_info("RAW")).config
    assert _expiring(usual, EXTRACT, 3 * DAY) is None
    told = "extract has not read what is in RAW for 4 days. It is kept until then, and fills the stream."
    assert _expiring(usual, EXTRACT, 4 * DAY) == told
    await js.update_stream(replace(usual, max_age=7 * DAY))
    [finding] = (await look(js)).expiring
    assert (
        finding == "stream RAW deletes after 7d what extract has not read, the oldest in 7 days. Run `wireroom setup`."
    )
    assert (usual.metadata or {})[KEEP] == "604800"


def test_what_stands_still_and_what_is_full_are_findings_by_name() -> None:
    still = ServiceState("extract", "waiting for a worker", pending=3, still_seconds=75.0)
    asks = ServiceState("store", "working", pending=3, unanswered=2)
    streams = (
        StreamState("RAW", 9, 999, 1000),
        StreamState("KV_letters", 9, 950, 1000),
        StreamState("NEWS", 9, 1, 1000),
    )
    found = PipelineState((still, asks), streams, {}).findings(300)
    assert found[0].startswith("extract: work waits, no process asks for it, and nothing was done for 75 s.")
    assert found[1:] == [
        "stream RAW is 100% full and refuses more.",
        "bucket letters is 95% full and will refuse more.",
    ]


async def test_open_dead_letters_are_told_before_they_expire(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    await js.publish("news.dead.ingest.schema", b"{")
    assert (await look(js)).expiring == ()
    config = (await js.stream_info("DEAD")).config
    written = (await js.get_msg("DEAD", 1)).time or datetime.now(UTC)
    ages = datetime.now(UTC) - written + timedelta(seconds=2)
    await js.update_stream(replace(config, max_age=max(ages.total_seconds(), 2.0), duplicate_window=1))
    async with asyncio.timeout(60):
        while not (told := (await look(js)).expiring):
            pass
    assert told[0].startswith("open dead letters expire: the oldest has")
