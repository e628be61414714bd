"""Rows of the fault matrix on the whole stack: load goes on while each fault comes and goes, and everything adds up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it has no types
import pytest
from nats.js import JetStreamContext

from shared import run
from shared.settings import Settings
from shared.topology import CONSUMERS, EXTRACT, INGEST
from tests.faults import firewall
from tests.faults.harness import Load, Report, Verdict, Watch, seconds, verify
from tests.stacks import broker_of, paused
from wireroom.local.stack import Stack, running

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


async def hurry(js: JetStreamContext) -> None:
    for consumer in CONSUMERS:
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
        await run.setup(Settings(nats_url=stack.nats_url))
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


ROWS = {
    "1": ("kill -9 ingest, three times", killing(*["ingest"] * 3)),
    "2": ("kill -9 extract, five times", killing(*["extract"] * 5)),
    "3": ("kill -9 store, five times", killing(*["store"] * 5)),
    "4": ("kill -9 the broker, twice", killing(*["nats-server"] * 2)),
    "6": ("kill -9 mongod, twice", killing(*["mongod"] * 2)),
    "7": ("each service stands still for longer than ack_wait", pausing(("ingest", "extract", "store"), 2 * ACK_WAIT)),
    "8": ("broker and mongod stand still for 20 s", pausing(("nats-server", "mongod"), 20)),
    "12": ("no packet to or from the broker for 12 s", cutting((firewall.TO, firewall.FROM), 12)),
    "12b": ("30 % of the packets lost, then none from the broker, then resets", cutting((firewall.LOSS,), 8)),
    "12c": ("packets reach the broker and none comes back, for 8 s", cutting((firewall.FROM,), 8)),
    "12d": ("connections to the broker are reset for 5 s", cutting((firewall.RESET,), 5)),
    "24": ("consumers are deleted and made anew", deleting_consumers),
    "27": ("each service is asked to end", shutting_down),
}


@pytest.mark.parametrize("row", ROWS)
async def test_a_fault_under_load_loses_nothing(row: str, tmp_path: Path, report: Report) -> None:
    title, fault = ROWS[row]
    if row.startswith("12"):
        firewall.needed()
    async with impatient(tmp_path / "stack") as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=len(row) + int(row.rstrip("bcd"))) as load:
                await load.more(SOME)
                await fault(stack, js, load)
            with seconds() as recovery:
                verdict = await verify(js, stack.mongo_url, load.entries)
            recovered = recovery()
    tell(report, row, title, verdict, watch, recovery_s=recovered, longest_stall_s=round(load.longest_stall, 1))
    assert verdict.fine, verdict
    assert watch.regressions == []


def tell(report: Report, row: str, title: str, verdict: Verdict, watch: Watch, **figures: object) -> None:
    found = {name: value if isinstance(value, (int, dict)) else len(value) for name, value in asdict(verdict).items()}
    seen = {"regressions": len(watch.regressions), "peak_mb": watch.peaks()}
    health = {"livez_slowest_s": round(watch.livez_slowest, 2), "livez_silent": len(watch.livez_silent)}
    report.add(row, title, fine=verdict.fine and not watch.regressions, **found, **seen, **health, **figures)


def test_26_a_clock_that_is_wrong() -> None:
    pytest.skip("row 26: no library here shifts the clock of one process; versions come from the stream, not from it")
