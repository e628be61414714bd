"""Faults of the running stack: parts are killed, and parts stand still. Nothing is lost, nothing is there twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from shared.topology import CONSUMERS
from tests.stacks import broker_of, documents, ended, paused, publish
from wireroom.local import stack_state
from wireroom.local.local_stack import Stack, running
from wireroom.ops.audit import balance, gather
from wireroom.ops.outcomes import follow
from wireroom.testing.factories import BODY, a_submission

PARTS = ("nats-server", "mongod", "ingest", "extract", "store")


@asynccontextmanager
async def impatient_stack(folder: Path, say: Callable[[str], None]) -> AsyncIterator[tuple[Stack, JetStreamContext]]:
    """A stack whose broker gives what a dead process held to another after seconds, not after two minutes."""
    async with running(folder, say, usual_ports=False) as stack, broker_of(stack) as js:
        for consumer in CONSUMERS:
            await js.add_consumer(consumer.stream, replace(consumer.config, ack_wait=5))
        yield stack, js


async def some(js: JetStreamContext, name: str) -> list[int]:
    return [await publish(js, a_submission(guid=f"{name}-{number}")) for number in range(10)]


async def assert_stored_once(stack: Stack, js: JetStreamContext, places: list[int]) -> None:
    fates = await follow(js, places, patience=120, progress=lambda _: None)
    assert {place: fate.outcome for place, fate in fates.items()} == dict.fromkeys(places, "inserted")
    reckoned = balance(await gather(js), places)
    assert (reckoned.missing, reckoned.dead, reckoned.in_flight) == ((), 0, 0)
    found = documents(stack)
    assert len(found) == len(places)
    assert {tuple(article["paragraphs"]) for article in found} == {tuple(BODY.split("\n\n"))}
    assert len({tuple(article["entity_keys"]) for article in found}) == 1


async def until_waiting(js: JetStreamContext, stream: str, durable: str, wanted: int) -> None:
    """Return once a consumer has so much before it that it has not answered."""
    async with asyncio.timeout(60):
        while True:
            info = await js.consumer_info(stream, durable)
            if (info.num_pending or 0) + (info.num_ack_pending or 0) >= wanted:
                return
            await asyncio.sleep(0.02)  # what is waited for needs the processor too


STANDING = (
    ("mongod", "NEWS", "store"),
    ("store", "NEWS", "store"),
    ("extract", "RAW", "extract"),
    ("ingest", "INBOX", "ingest"),
)


async def test_a_part_that_stands_still_or_is_killed_loses_nothing_and_changes_nothing(tmp_path: Path) -> None:
    """One stack bears all of it in turn: its start and end take longer than any of the faults."""
    said: list[str] = []
    pids: list[int] = []
    async with impatient_stack(tmp_path, said.append) as (stack, js):
        places = await some(js, "before")
        for part, stream, durable in STANDING:
            with paused(stack.processes[part]):
                places += await some(js, f"{part}-stands")
                await until_waiting(js, stream, durable, 10)
            places += await some(js, f"{part}-goes-on")
        with paused(stack.processes["nats-server"]), pytest.raises(TimeoutError):
            await js.publish("news.v1.submitted", b"{}", timeout=1)
        await assert_stored_once(stack, js, places)
        assert (await js.stream_info("DEAD")).state.messages <= 1, "an outage sets nothing aside but what is no article"
        for part in PARTS:
            pid = stack.processes[part]
            pids += stack.processes.values()
            places += await some(js, f"{part}-alive")
            os.kill(pid, signal.SIGKILL)
            places += await some(js, f"{part}-killed")
        await assert_stored_once(stack, js, places)
        pids += stack.processes.values()
    for part in PARTS:
        assert any(line.startswith(f"{part} ended by SIGKILL; starting it again") for line in said)
    assert ended(pids)
    assert stack_state.running(tmp_path) is None
