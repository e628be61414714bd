"""Rows 41 to 44 of the fault matrix: a broker without its data or with older data, more replicas, ages that change."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext
from pymongo import MongoClient

from services.setup.preparation import Wish, setup
from services.store.queries import stored_places
from shared.broker import accounting
from shared.limits import HOUR, Limits
from shared.runtime.retention import trim
from shared.settings import Settings
from shared.topology import CONSUMERS, buckets, streams
from tests.faults.report import Report, judge
from tests.faults.rig.clusters import Nodes, leader, three_brokers
from tests.faults.rig.load import Entry, Load
from tests.faults.rig.parts import SERVICES, Parts, parts
from tests.faults.rig.verdict import verify
from tests.faults.rig.watch import Watch
from tests.faults.test_matrix import SOME, hurry
from tests.stacks import broker_at
from wireroom.local import mongod, ports, service_process
from wireroom.local.child_process import until_ready
from wireroom.ops.audit import balance, gather

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]


async def stop(stack: Parts) -> None:
    """Stop the services and the broker, as an operator does before touching the broker's data."""
    for name in (*SERVICES, "nats-server"):
        await stack.nodes.kill(name)


async def start(stack: Parts, js: JetStreamContext, *, restored: bool = False) -> list[str]:
    """Start the broker on what its folder holds now, set it up, and only then start the services."""
    await ready(stack.nodes, "nats-server")
    done = await setup(Settings(nats_url=stack.nats_url, mongo_url=stack.mongo_url), Limits(), Wish(restored=restored))
    await hurry(js)
    for name in SERVICES:
        await ready(stack.nodes, name)
    return done


async def ready(nodes: Nodes, name: str) -> None:
    await nodes.start(name)
    async with asyncio.timeout(60):
        await until_ready(nodes.programs[name].probe)


def kept(mongo_url: str) -> tuple[set[int], set[tuple[str, str]], dict[str, tuple[int, str]]]:
    """Return the numbers in the database, its texts by guid, and the newest version of each guid."""
    numbers, texts, newest = set[int](), set[tuple[str, str]](), dict[str, tuple[int, str]]()
    with MongoClient[dict[str, Any]](mongo_url, timeoutMS=20_000) as client:
        for name in ("article_versions", "articles"):
            for found in client["wireroom"][name].find():
                text = "\n\n".join(found["paragraphs"])
                numbers |= {found["version"], found["content_version"]}
                texts.add((found["guid"], text))
                newest[found["guid"]] = max(newest.get(found["guid"], (0, "")), (found["version"], text))
    return numbers, texts, newest


@dataclass(frozen=True)
class Accepted:
    """``known`` by the broker still; ``forgotten`` by it; ``after`` the loss."""

    known: list[Entry]
    forgotten: list[Entry]
    after: list[Entry]


async def reckon(
    report: Report, row: str, js: JetStreamContext, stack: Parts, watch: Watch, accepted: Accepted
) -> None:
    """Hold what is left against what the broker still knew, what it forgot, and what was accepted afterwards."""
    moved, known, forgotten = await accounting.moved(js), accepted.known, accepted.forgotten
    after = [replace(entry, place=moved.get(entry.place, entry.place)) for entry in accepted.after]
    verdict = await verify(js, stack.mongo_url, after)
    await drained(js)
    numbers, _, newest = kept(stack.mongo_url)
    gone = sorted(entry.place for entry in forgotten if entry.place not in numbers)
    evidence = await gather(js)
    with MongoClient[dict[str, Any]](stack.mongo_url) as client:
        evidence = replace(evidence, kept=stored_places(client["wireroom"], evidence.gaps))
    # as a publisher's ledger has them: a number that was given before the loss and again after it stands there twice
    told = balance(evidence, [entry.place for entry in (*known, *forgotten, *accepted.after)])
    last = {e.guid: (e.place, e.text) for e in sorted(after, key=lambda e: e.place) if e.guid and e.text}
    stale = [guid for guid, state in last.items() if newest.get(str(guid)) != state]
    is_ready = await asyncio.to_thread(watch.all_ready)
    report.add(
        row, acked=len(known) + len(forgotten) + len(after), outcomes=told.outcomes, dead=told.dead,
        lost=len(verdict.lost), gone_with_the_broker=len(gone), moved=len(moved), stale=len(stale),
        regressions=len(watch.regressions), ready_again=is_ready,
    )  # fmt: skip
    assert verdict.fine, verdict
    assert list(told.missing) == gone, "the audit names exactly what went with the broker"
    assert (told.in_flight, stale, watch.regressions) == (0, [], [])
    assert is_ready


async def drained(js: JetStreamContext) -> None:
    async with asyncio.timeout(120):
        for consumer in CONSUMERS:
            await idle(js, consumer.stream, consumer.durable)


async def idle(js: JetStreamContext, stream: str, durable: str) -> None:
    while True:
        info = await js.consumer_info(stream, durable)
        if not info.num_pending and not info.num_ack_pending:
            return
        await asyncio.sleep(0.2)


@pytest.mark.row("41")
async def test_41_a_broker_whose_data_is_removed_goes_on_above_what_is_stored(tmp_path: Path, report: Report) -> None:
    folder = tmp_path / "parts"
    async with parts(folder) as (stack, js):
        await hurry(js)
        with Watch(stack.mongo_url, lambda: stack.pids, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=41) as load:
                await load.more(SOME)
                await stop(stack)
                forgotten, (_, texts, _) = list(load.entries), kept(stack.mongo_url)
                assert texts, "nothing was stored before the loss"
                shutil.rmtree(folder / "nats/jetstream")
                told = await start(stack, js)
                await load.more(SOME)
            assert any("the broker lost its data" in line for line in told)
            after = load.entries[len(forgotten) :]
            await reckon(report, "41", js, stack, watch, Accepted([], forgotten, after))
        assert texts <= kept(stack.mongo_url)[1], "what was stored stays"


@pytest.mark.row("42")
async def test_42_a_broker_restored_from_a_backup_goes_on_above_what_is_stored(tmp_path: Path, report: Report) -> None:
    folder = tmp_path / "parts"
    data, backup = folder / "nats/jetstream", tmp_path / "backup"
    async with parts(folder) as (stack, js):
        await hurry(js)
        with Watch(stack.mongo_url, lambda: stack.pids, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=42) as load:
                await load.more(SOME)
                await stack.nodes.kill("nats-server")  # in the midst of the work: the backup has much that is unread
                known = list(load.entries)
                shutil.copytree(data, backup)
                await ready(stack.nodes, "nats-server")
                await load.more(SOME)
                await stop(stack)
                before, (_, texts, _) = list(load.entries), kept(stack.mongo_url)
                shutil.rmtree(data)
                backup.rename(data)
                told = await start(stack, js, restored=True)
                await load.more(SOME)
            assert any("given older data" in line for line in told)
            forgotten, after = before[len(known) :], load.entries[len(before) :]
            await reckon(report, "42", js, stack, watch, Accepted(known, forgotten, after))
        assert texts <= kept(stack.mongo_url)[1], "what was stored stays"


@pytest.mark.row("43")
async def test_43_replicas_go_from_one_to_three_under_load(tmp_path: Path, report: Report) -> None:
    async with AsyncExitStack() as stack:
        brokers = await stack.enter_async_context(three_brokers(tmp_path / "brokers"))
        [mongo_port, *health_ports] = ports.free(1 + len(SERVICES))
        mongo = mongod.program(tmp_path, mongo_port)
        nodes = await stack.enter_async_context(Nodes("", {"mongod": mongo}).running())
        await until_ready(mongo.probe)
        settings = Settings(nats_url=brokers.url, mongo_url=mongod.url(mongo_port))
        await setup(settings, Limits())
        urls = {"WIREROOM_NATS_URL": settings.nats_url, "WIREROOM_MONGO_URL": settings.mongo_url}
        health = dict(zip(SERVICES, health_ports, strict=True))
        for name, port in health.items():
            nodes.programs[name] = service_process.program(name, tmp_path, port, urls, name=name)
            await ready(nodes, name)
        js = await stack.enter_async_context(broker_at(*brokers.url.split(",")))
        with Watch(settings.mongo_url, dict, health) as watch:
            async with Load(js, tmp_path / "ledger", seed=43) as load:
                await load.more(SOME)
                three = settings.model_copy(update={"stream_replicas": 3})
                changes = await setup(three, Limits())
                assert len(changes) == len(streams()) + len(buckets())
                assert await setup(three, Limits()) == []
                leads = await leader(js, "INBOX")
                for name in [*(str(each.name) for each in streams()), *(f"KV_{each.bucket}" for each in buckets())]:
                    await leader(js, name)
                    assert (await js.stream_info(name)).config.num_replicas == 3, name
                await load.more(SOME)
                await brokers.kill(leads)
                await load.more(SOME)
                await brokers.start(leads)
            await judge(report, "43", js, settings.mongo_url, load.entries, watch, longest_stall_s=load.longest_stall)


@pytest.mark.row("44")
async def test_44_unread_work_outlives_ages_shrunk_and_a_broker_that_is_started_again(
    tmp_path: Path, report: Report
) -> None:
    later = datetime.now(UTC) + timedelta(days=30)
    async with parts(tmp_path / "parts") as (stack, js):
        await hurry(js)
        settings = Settings(nats_url=stack.nats_url, mongo_url=stack.mongo_url)
        with Watch(stack.mongo_url, lambda: stack.pids, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=44) as load:
                await load.more(SOME)
                await stack.nodes.kill("extract")
                await load.more(SOME)
                await setup(settings, Limits(raw_age=HOUR, news_age=HOUR))
                await hurry(js)
                waiting = (await js.consumer_info("RAW", "extract")).num_pending
                trimmed = [await trim(js, name, later) for name in ("RAW", "NEWS")]
                await stack.nodes.kill("nats-server")
                await ready(stack.nodes, "nats-server")
                left = (await js.consumer_info("RAW", "extract")).num_pending or 0
                assert left >= (waiting or 0) > 0
                await setup(settings, Limits())
                await hurry(js)
                await ready(stack.nodes, "extract")
                await load.more(SOME)
            entries = load.entries
            places = {entry.place for entry in entries}
            await drained(js)
            evidence = await gather(js)
            told = balance(evidence, places)
        numbers, texts, _ = kept(stack.mongo_url)
    accepted = {(entry.guid, entry.text) for entry in entries if entry.text and not entry.expected}
    figures: dict[str, object] = {"waited_for_extract": waiting, "trimmed": trimmed, "outcomes": told.outcomes}
    report.add("44", acked=len(entries), lost=len(accepted - texts), **figures)
    assert accepted <= texts
    assert (told.missing, told.in_flight, watch.regressions) == ((), 0, [])
    assert numbers <= places
