"""Rows 15 to 17 of the fault matrix: no room for the broker, for the database, in a stream."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.topology import streams
from tests.faults.report import Report, judge
from tests.faults.rig.disks import fill, full, small_disk
from tests.faults.rig.load import Load
from tests.faults.rig.watch import Watch
from tests.faults.test_matrix import SOME, hurry, impatient
from tests.stacks import broker_of
from wireroom.local.local_stack import running

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(420)]


@pytest.mark.row("15")
async def test_15_a_broker_without_room_refuses_and_is_started_anew_once_there_is_some(
    tmp_path: Path, report: Report
) -> None:
    data, said = tmp_path / "stack", list[str]()
    with small_disk(data / "nats", 96):
        async with running(data, said.append, usual_ports=False) as stack, broker_of(stack) as js:
            await hurry(js)
            with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
                async with Load(js, tmp_path / "ledger", seed=15) as load:
                    await load.more(SOME)
                    with full(data / "nats"):
                        await until(lambda: refused(js))
                        await until(lambda: told(said, "cannot write"))
                    await until(lambda: told(said, "nats-server", "ready again"))
                    await load.more(SOME)
                anew = sum("starting nats-server anew" in line for line in said)
                await judge(report, "15", js, stack.mongo_url, load.entries, watch, restarted_by_the_stack=anew)
    assert anew


@pytest.mark.row("16")
async def test_16_a_database_without_room_is_waited_for(tmp_path: Path, report: Report) -> None:
    data, said = tmp_path / "stack", list[str]()
    with small_disk(data / "mongo", 400):
        async with running(data, said.append, usual_ports=False) as stack, broker_of(stack) as js:
            await hurry(js)
            with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
                async with Load(js, tmp_path / "ledger", seed=16) as load:
                    await load.more(SOME)
                    with full(data / "mongo"):
                        deadline = time.monotonic() + 90  # of writing, mongod first feels it at a checkpoint
                        while time.monotonic() < deadline and not await told(said, "mongod ended"):
                            await load.more(SOME)
                            await asyncio.to_thread(fill, data / "mongo/filler")
                    await load.more(SOME)
                ends = sum(line.startswith("mongod ended") for line in said)
                await judge(report, "16", js, stack.mongo_url, load.entries, watch, mongod_ended=ends)


@pytest.mark.row("17")
async def test_17_a_full_stream_refuses_and_drops_nothing(tmp_path: Path, report: Report) -> None:
    async with impatient(tmp_path / "stack") as (stack, js):
        usual = {config.name: config for config in streams()}
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=17) as load:
                await load.more(SOME)
                for name in ("RAW", "INBOX"):
                    held = (await js.stream_info(name)).state.bytes
                    await js.update_stream(replace(usual[name], max_bytes=held + 50_000))
                await until(lambda: refused(js))
                for name in ("RAW", "INBOX"):
                    await js.update_stream(usual[name])
                await load.more(SOME)
            await judge(report, "17", js, stack.mongo_url, load.entries, watch)


async def refused(js: JetStreamContext) -> bool:
    """Whether a publisher is told that the broker takes nothing."""
    try:
        await js.publish("news.v1.submitted", b"no article " * 1000, timeout=2, stream="INBOX")
    except (NatsError, APIError, TimeoutError):
        return True
    return False


async def told(said: list[str], *words: str) -> bool:
    return any(all(word in line for word in words) for line in said)


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(90):
        while not await happened():  # noqa: ASYNC110 - what is waited for tells nothing by itself
            await asyncio.sleep(0.1)
