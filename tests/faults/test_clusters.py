"""Rows 9 to 11, 13 and 30 of the fault matrix: three brokers and three databases, and what happens to their nodes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from services.setup.preparation import setup
from shared.limits import Limits
from shared.settings import Settings
from tests.faults.report import Report, judge
from tests.faults.rig.clusters import Nodes, leader, primary, three_brokers, three_databases
from tests.faults.rig.load import Load
from tests.faults.rig.namespaces import cut_off, hosts
from tests.faults.rig.verdict import verify
from tests.faults.rig.watch import Watch
from tests.faults.test_matrix import SOME
from tests.stacks import broker_at
from wireroom.local import ports, service_process
from wireroom.local.child_process import until_ready

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(420)]

LED = ("INBOX", "RAW", "NEWS")  # streams whose leader dies
SERVICES = ("ingest", "extract", "store")


@asynccontextmanager
async def clusters(
    folder: Path, hosts: dict[str, str] | None = None
) -> AsyncIterator[tuple[Nodes, Nodes, dict[str, int], JetStreamContext]]:
    async with AsyncExitStack() as stack:
        brokers = await stack.enter_async_context(three_brokers(folder / "brokers", hosts))
        databases = await stack.enter_async_context(three_databases(folder / "databases"))
        await setup(Settings(nats_url=brokers.url, mongo_url=databases.url, stream_replicas=3), Limits())
        urls = {"WIREROOM_NATS_URL": brokers.url, "WIREROOM_MONGO_URL": databases.url}
        health = dict(zip(SERVICES, ports.free(len(SERVICES)), strict=True))
        programs = {name: service_process.program(name, folder, port, urls, name=name) for name, port in health.items()}
        await stack.enter_async_context(Nodes("", programs).running())
        for program in programs.values():
            await until_ready(program.probe)
        js = await stack.enter_async_context(broker_at(*brokers.url.split(",")))
        yield brokers, databases, health, js


@pytest.mark.row("9", "11")
async def test_9_and_11_leader_and_primary_die_in_turn_and_nothing_is_lost(tmp_path: Path, report: Report) -> None:
    async with clusters(tmp_path) as (brokers, databases, health, js):
        with Watch(databases.url, dict, health) as watch:
            async with Load(js, tmp_path / "ledger", seed=9) as load:
                for stream in LED:
                    for nodes, dies in ((brokers, await leader(js, stream)), (databases, await primary(databases))):
                        await load.more(SOME)
                        await nodes.kill(dies)
                        await load.more(SOME)
                        await nodes.start(dies)
                    await leader(js, stream)
                    await primary(databases)
            for row in ("9", "11"):
                await judge(report, row, js, databases.url, load.entries, watch, longest_stall_s=load.longest_stall)


@pytest.mark.row("10")
async def test_10_one_broker_of_three_accepts_nothing_and_what_was_accepted_is_there_after(
    tmp_path: Path, report: Report
) -> None:
    async with clusters(tmp_path) as (brokers, databases, health, js):
        with Watch(databases.url, dict, health) as watch:
            async with Load(js, tmp_path / "ledger", seed=10) as load:
                await load.more(SOME)
                alone = await leader(js, "INBOX")
                away = [name for name in brokers.programs if name != alone]
                for name in away:
                    await brokers.kill(name)
                assert await refuses(js, 5)
                for name in away:
                    await brokers.start(name)
                await load.more(SOME)
            await judge(report, "10", js, databases.url, load.entries, watch, longest_stall_s=load.longest_stall)


@pytest.mark.row("13")
async def test_13_a_leader_cut_off_from_the_others_acknowledges_nothing_that_is_lost(
    tmp_path: Path, report: Report
) -> None:
    with hosts(3) as names:
        async with clusters(tmp_path, names) as (brokers, databases, health, js), AsyncExitStack() as stack:
            urls = brokers.url.split(",")
            others = [await stack.enter_async_context(broker_at(url)) for url in urls]
            with Watch(databases.url, dict, health) as watch:
                async with AsyncExitStack() as loads:
                    taken = [
                        await loads.enter_async_context(
                            Load(each, tmp_path / f"ledger-{n}", seed=100 + n, publishers=1, prefix=f"side-{n}-")
                        )
                        for n, each in enumerate(others)  # clients on both sides of the cut
                    ]
                    for load in taken:
                        await load.more(SOME // 3)
                    leads = int((await leader(js, "INBOX")).rpartition("-")[2])
                    with cut_off(list(names)[leads], names):
                        await taken[(leads + 1) % 3].more(SOME)
                    for load in taken:
                        await load.more(SOME // 3)
                entries = [entry for load in taken for entry in load.entries]
                stall = max(load.longest_stall for load in taken)
                await judge(report, "13", js, databases.url, entries, watch, longest_stall_s=stall)


@pytest.mark.row("30")
async def test_30_a_damaged_copy_on_one_broker_of_three(tmp_path: Path, report: Report) -> None:
    """Reported and not promised: what a broker does about damaged blocks is its own."""
    async with clusters(tmp_path) as (brokers, databases, health, js):
        with Watch(databases.url, dict, health):
            async with Load(js, tmp_path / "ledger", seed=30) as load:
                await load.more(2 * SOME)
                leads = await leader(js, "NEWS")
                damaged = next(name for name in brokers.programs if name != leads)
                await brokers.kill(damaged)
                blocks = list((tmp_path / "brokers" / damaged).rglob("NEWS/msgs/*.blk"))
                for block in blocks:
                    data = bytearray(block.read_bytes())
                    data[len(data) // 2] ^= 0xFF
                    block.write_bytes(data)
                await brokers.start(damaged)
                await load.more(SOME)
            found: dict[str, object] = {"acked": len(load.entries), "blocks": len(blocks)}
            try:
                verdict = await verify(js, databases.url, load.entries)
                found |= {"lost": len(verdict.lost), "outcomes": verdict.outcomes, "whole": verdict.fine}
            except (NatsError, TimeoutError) as error:
                found["whole"] = f"could not be told: {type(error).__name__} {error}"
    report.add("30", **found)


async def refuses(js: JetStreamContext, times: int) -> bool:
    """Whether not one of so many messages is acknowledged."""
    for _ in range(times):
        try:
            await js.publish("news.v1.submitted", b"not an article", timeout=1, stream="INBOX")
        except (NatsError, APIError, TimeoutError):
            continue
        return False
    return True
