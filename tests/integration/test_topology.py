"""The topology on a real broker: applied again it changes nothing, applied anew it changes what it says."""

import asyncio
from dataclasses import replace

import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from shared import topology


async def test_applied_twice_it_changes_nothing(empty_broker: Client) -> None:
    js = empty_broker.jetstream(timeout=10)
    await topology.apply(js)
    before = [stream.config for stream in await js.streams_info()]
    await topology.apply(js)
    assert [stream.config for stream in await js.streams_info()] == before
    assert {stream.name for stream in before} == {stream.name for stream in topology.streams()} | {
        f"KV_{topology.SUSPECTS}",
        f"KV_{topology.WITHDRAWN}",
        f"KV_{topology.MARKS}",
        f"KV_{topology.FURNITURE}",
    }


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


async def test_a_changed_consumer_is_changed_on_the_broker(broker: Client) -> None:
    js = broker.jetstream()
    changed = replace(topology.EXTRACT, ack_wait=77)
    await js.add_consumer(changed.stream, changed.config)
    assert (await js.consumer_info("RAW", "extract")).config.ack_wait == 77


async def test_a_full_stream_refuses_and_keeps_what_it_has(broker: Client) -> None:
    js = broker.jetstream()
    config = (await js.stream_info("RAW")).config
    config.max_bytes = 20_000
    await js.update_stream(config)
    article = b"lock " * 600
    with pytest.raises(APIError, match="maximum bytes exceeded"):
        await asyncio.gather(*(js.publish("news.v1.raw.harbour-gazette", article, timeout=5) for _ in range(100)))
    assert 0 < (await js.stream_info("RAW")).state.messages < 100
