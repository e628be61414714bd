"""Rows of the fault matrix on the whole stack: load goes on while each fault comes and goes, and everything adds up."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped] # it has no types
import pytest
from nats.js import JetStreamContext

from services.desk import control
from services.desk.indexing import reads
from services.setup.preparation import setup
from shared.broker.connect import brief_connection
from shared.errors import Unavailable
from shared.limits import Limits
from shared.topology import CONSUMERS, EXTRACT, INGEST, Consumer
from tests.faults.report import Report, judge, number, seconds
from tests.faults.rig import firewall
from tests.faults.rig.load import Load
from tests.faults.rig.watch import Watch
from tests.stacks import broker_of, paused
from wireroom.local.local_stack import Stack, running

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(420)]

Fault = Callable[[Stack, JetStreamContext, Load], Awaitable[None]]
ACK_WAIT = 5.0  # seconds; thirty in earnest
SOME = 60


@asynccontextmanager
async def impatient(folder: Path, *, extract: int = 1) -> AsyncIterator[tuple[Stack, JetStreamContext]]:
    """A stack whose broker gives what a dead process held to another after seconds."""
    async with running(folder, lambda _: None, usual_ports=False, extract=extract) as stack, broker_of(stack) as js:
        await hurry(js)
        yield stack, js


async def hurry(js: JetStreamContext, consumers: Iterable[Consumer] = CONSUMERS) -> None:
    for consumer in consumers:
        await js.add_consumer(consumer.stream, replace(consumer.config, ack_wait=ACK_WAIT))


async def kill(stack: Stack, part: str, load: Load) -> None:
    """Kill a part and return once the supervisor has started it anew and the load goes on."""
    pid = stack.processes[part]
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while stack.processes.get(part, pid) == pid:  # noqa: ASYNC110 - the supervisor has no event for it
            await asyncio.sleep(0.02)
    await load.more(SOME)


def killing(*parts: str) -> Fault:
    async def fault(stack: Stack, _js: JetStreamContext, load: Load) -> None:
        for part in parts:
            await kill(stack, part, load)

    return fault


def pausing(parts: tuple[str, ...], how_long: float) -> Fault:
    async def fault(stack: Stack, _js: JetStreamContext, load: Load) -> None:
        for part in parts:
            with paused(stack.processes[part]):
                await asyncio.sleep(how_long)
            await load.more(SOME)

    return fault


def cutting(how: tuple[firewall.Rule, ...], how_long: float) -> Fault:
    async def fault(stack: Stack, _js: JetStreamContext, load: Load) -> None:
        port = int(stack.nats_url.rpartition(":")[2])
        with firewall.rules(port, *how):
            await asyncio.sleep(how_long)
        await load.more(SOME)

    return fault


async def deleting_consumers(stack: Stack, js: JetStreamContext, load: Load) -> None:
    for consumer in (INGEST, EXTRACT):
        await js.delete_consumer(consumer.stream, consumer.durable)
        await asyncio.sleep(3)
        await setup(stack.of_setup, Limits())
        await hurry(js)
        await load.more(SOME)


async def shutting_down(stack: Stack, _js: JetStreamContext, load: Load) -> None:
    """Ask each service to end, as a deployment does; what it started is finished, the rest goes to its successor."""
    for part in ("ingest", "extract", "store"):
        process = psutil.Process(stack.processes[part])
        process.terminate()
        with seconds() as took:
            await asyncio.to_thread(psutil.wait_procs, [process], 25)
        assert took() < 20, f"{part} took {took()} s to end"
        await load.more(SOME)


async def killing_the_desk(stack: Stack, js: JetStreamContext, load: Load) -> None:
    """Kill it as soon as it has committed something, at a random moment of its start, and while it rebuilds."""
    await hurry(js, (reads("desk"),))
    chance = random.Random(45)
    for rebuilding in (False, False, True, False, True):
        if rebuilding:
            async with asked_of_desk(stack) as ask:
                await ask(control.REINDEX)
        await asyncio.sleep(chance.uniform(0, 2))
        await kill(stack, "desk", load)


@asynccontextmanager
async def asked_of_desk(stack: Stack) -> AsyncIterator[Callable[[str], Awaitable[dict[str, Any]]]]:
    """Ask the desk of a stack over NATS, again until it answers, as it does once it has started."""
    async with brief_connection(stack.nats_url) as connection:

        async def ask(verb: str) -> dict[str, Any]:
            async with asyncio.timeout(60):
                while True:
                    try:
                        return await control.ask(connection, "desk", verb, seconds=30)
                    except Unavailable:
                        await asyncio.sleep(0.2)

        yield ask


async def all_read(js: JetStreamContext, consumer: Consumer) -> None:
    while True:
        info = await js.consumer_info(consumer.stream, consumer.durable)
        if not info.num_pending and not info.num_ack_pending:
            return
        await asyncio.sleep(0.2)


async def desk_equal(stack: Stack, js: JetStreamContext) -> dict[str, object]:
    """Wait until everything was read in the order of its flow, and return how the desk's index differs from MongoDB."""
    async with asyncio.timeout(180), asked_of_desk(stack) as ask:
        for consumer in (*CONSUMERS, reads("desk")):
            await all_read(js, consumer)
        while (await ask(control.STATE))["rebuilding"]:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.2)
        found = await ask(control.CHECK)
    assert found["equal"], found
    kinds = ("missing", "left_over", "other_version")
    return {"indexed": found["articles"], "differences": sum(found[kind] for kind in kinds)}


ROWS: dict[str, Fault] = {
    "1": killing(*["ingest"] * 3),
    "2": killing(*["extract"] * 5),
    "3/at random": killing(*["store"] * 5),
    "4": killing(*["nats-server"] * 2),
    "6": killing(*["mongod"] * 2),
    "7": pausing(("ingest", "extract", "store"), 2 * ACK_WAIT),
    "8": pausing(("nats-server", "mongod"), 20),
    "12": cutting((firewall.TO, firewall.FROM), 12),
    "12b/loss": cutting((firewall.LOSS,), 8),
    "12b/one way": cutting((firewall.FROM,), 8),
    "12b/resets": cutting((firewall.RESET,), 5),
    "24": deleting_consumers,
    "27": shutting_down,
    "45": killing_the_desk,
}


@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.row(row)) for row in ROWS])
async def test_a_fault_under_load_loses_nothing(row: str, tmp_path: Path, report: Report) -> None:
    if number(row).startswith("12"):
        firewall.needed()
    async with impatient(tmp_path / "stack") as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=list(ROWS).index(row)) as load:
                await load.more(SOME)
                await ROWS[row](stack, js, load)
            figures = await desk_equal(stack, js) if row == "45" else {}
            stall = load.longest_stall
            await judge(report, row, js, stack.mongo_url, load.entries, watch, longest_stall_s=stall, **figures)
