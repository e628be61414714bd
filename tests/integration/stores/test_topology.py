"""The topology on a real broker: applied again it changes nothing, applied anew it changes what it says."""

import asyncio
from dataclasses import replace

import pytest
from nats.aio.client import Client
from nats.js.api import DiscardPolicy
from nats.js.errors import APIError

from shared import topology
from shared.broker import provisioning
from shared.limits import DAY, GB, MB, Limits


async def test_applied_twice_it_changes_nothing(empty_broker: Client) -> None:
    js = empty_broker.jetstream(timeout=10)
    made = await provisioning.apply(js)
    before = [stream.config for stream in await js.streams_info()]
    assert await provisioning.plan(js) == await provisioning.apply(js) == []
    assert [stream.config for stream in await js.streams_info()] == before
    expected = {str(stream.name) for stream in topology.streams()} | {f"KV_{b.bucket}" for b in topology.buckets()}
    assert {stream.name for stream in before} == expected
    assert all(str(change).endswith(": create") for change in made)


async def test_every_changed_setting_is_planned_field_by_field_and_then_applied(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    limits = Limits(raw_bytes="8GB", dead_age="31d", letters_age="32d", furniture_bytes="300MB", suspects_age="2d")
    planned = [str(change) for change in await provisioning.plan(js, limits)]
    assert planned == [
        "stream RAW: max_bytes 4GB -> 8GB",
        "stream DEAD: max_age 30d -> 31d",
        "bucket suspects: max_age 30d -> 2d",
        "bucket letters: max_age 30d -> 32d",
        "bucket furniture: max_bytes 256MB -> 300MB",
    ]
    assert [str(change) for change in await provisioning.apply(js, limits)] == planned
    assert await provisioning.plan(js, limits) == []
    assert (await js.stream_info("KV_letters")).config.max_age == 32 * DAY
    assert (await js.stream_info("RAW")).config.max_bytes == 8 * GB


async def test_what_others_changed_is_changed_back_and_what_is_not_ours_stays(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    config = (await js.stream_info("NEWS")).config
    config.discard, config.max_msgs, config.description = DiscardPolicy.OLD, 5, "the desk reads this"
    await js.update_stream(config)
    await js.add_consumer("RAW", replace(topology.EXTRACT, ack_wait=77, subject="news.v1.raw.x").config)
    assert [str(change) for change in await provisioning.apply(js)] == [
        "stream NEWS: discard old -> new, max_msgs 5 -> -1",
        "consumer RAW/extract: filter_subjects news.v1.raw.x -> news.v1.raw.>, ack_wait 77s -> 30s",
    ]
    assert (await js.stream_info("NEWS")).config.description == "the desk reads this"
    assert (await js.consumer_info("RAW", "extract")).config.filter_subjects == ["news.v1.raw.>"]


async def test_a_plan_says_what_a_smaller_size_or_age_does_to_what_is_kept(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    for _ in range(6):
        await js.publish("news.dead.ingest.schema", b"x" * 3 * MB)
    [change] = await provisioning.apply(js, Limits(dead_bytes="16MB"))
    assert (
        str(change)
        == "stream DEAD: max_bytes 2GB -> 16MB (it holds 18MB, which stay, and refuses more until there is room)"
    )
    assert (await js.stream_info("DEAD")).state.messages == 6


async def test_the_broker_keeps_what_the_topology_says(broker: Client) -> None:
    js = broker.jetstream()
    for stream in topology.streams():
        kept = (await js.stream_info(stream.name or "")).config
        for name in ("retention", "discard", "max_age", "max_bytes", "max_msg_size", "duplicate_window"):
            assert getattr(kept, name) == getattr(stream, name), (stream.name, name)
        assert kept.compression == "none", stream.name  # decision 0015
    for consumer in topology.CONSUMERS:
        config = (await js.consumer_info(consumer.stream, consumer.durable)).config
        assert (config.ack_wait, config.max_deliver) == (consumer.ack_wait, -1)


async def test_a_full_stream_refuses_and_keeps_what_it_has(broker: Client) -> None:
    js = broker.jetstream()
    config = (await js.stream_info("RAW")).config
    config.max_bytes = 20_000
    await js.update_stream(config)
    article = b"lock " * 600
    with pytest.raises(APIError, match="maximum bytes exceeded"):
        await asyncio.gather(*(js.publish("news.v1.raw.harbour-gazette", article, timeout=5) for _ in range(100)))
    assert 0 < (await js.stream_info("RAW")).state.messages < 100
