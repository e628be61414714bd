"""Rows of the fault matrix about what flows: outages, slow links, backlogs and floods."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it has no types
import pytest
from nats.js import JetStreamContext

from services.setup.credentials import address_file
from shared.broker.nats_address import login
from shared.broker.stream_reader import all_of
from shared.messages import ArticleStored
from shared.topology import CONSUMERS, streams
from tests.faults.report import Report, judge, seconds
from tests.faults.rig.load import Load
from tests.faults.rig.parts import SERVICES, SlowProxy, parts
from tests.faults.rig.verdict import verify
from tests.faults.rig.watch import Watch
from tests.faults.test_matrix import SOME, hurry, impatient
from tests.stacks import broker_of
from wireroom.local import local_stack as local
from wireroom.ops.audit import balance, gather
from wireroom.testing.factories import BODY, a_submission

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]

BACKLOG = 100_000
AT_ONCE = 500


@pytest.mark.row("5")
async def test_5_services_wait_for_a_broker_that_is_long_away_without_spinning(tmp_path: Path, report: Report) -> None:
    async with parts(tmp_path / "parts") as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.pids, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=5) as publisher:
                await publisher.more(SOME)
                await stack.nodes.kill("nats-server")
                services = {name: psutil.Process(stack.pids[name]) for name in SERVICES}
                before = {name: sum(process.cpu_times()[:2]) for name, process in services.items()}
                await asyncio.sleep(30)
                used = {n: round((sum(p.cpu_times()[:2]) - before[n]) / 30, 3) for n, p in services.items()}
                await stack.nodes.start("nats-server")
                await publisher.more(SOME)
            await judge(report, "5", js, stack.mongo_url, publisher.entries, watch, cores_while_away=used)
    assert max(used.values()) < 0.1, used
    assert watch.livez_silent == []
    assert watch.red == set(SERVICES)


@pytest.mark.row("14")
async def test_14_a_slow_link_to_the_broker(tmp_path: Path, report: Report) -> None:
    async with parts(tmp_path / "parts", through=SlowProxy(delay=0.2, rate=64_000)) as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.pids, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=14, publishers=1) as publisher:
                await publisher.more(3 * SOME)
            await judge(report, "14", js, stack.mongo_url, publisher.entries, watch)


@pytest.mark.row("18")
@pytest.mark.timeout(1200)
async def test_18_a_backlog_takes_time_and_no_memory(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same articles wait for each service; extract has no model here, whose memory its own bench measures."""
    monkeypatch.setenv("WIREROOM_EXTRACT_MODELS", "{}")
    async with parts(tmp_path / "parts") as (stack, js):
        for name in SERVICES:
            await stack.nodes.kill(name)
        await _all_at_once(js, [_submitted(n, BODY * 2) for n in range(BACKLOG)])
        grown, peaks, took = dict[str, float](), dict[str, int](), dict[str, float]()
        for consumer in CONSUMERS:
            name = consumer.durable
            with Watch(stack.mongo_url, lambda: stack.pids, {}) as watch, seconds() as clock:
                await stack.nodes.start(name)
                await _drained(js, consumer.stream, name)
                took[name] = clock()
            grown |= {part: round(watch.growth(part), 3) for part in watch.resident if part.startswith(name)}
            peaks |= {part: peak for part, peak in watch.peaks().items() if part.startswith((name, "nats"))}
            await stack.nodes.kill(name)
        found = balance(await gather(js))
    report.add("18", acked=BACKLOG, outcomes=found.outcomes, growth=grown, peak_mb=peaks, seconds=took)
    assert found.outcomes == {"inserted": BACKLOG}
    assert max(grown.values()) < 0.1, grown


def _submitted(number: int, body: str) -> bytes:
    return a_submission(guid=f"backlog-{number}", body=f"{body} {number}").model_dump_json().encode()


async def _all_at_once(js: JetStreamContext, articles: list[bytes]) -> None:
    for start in range(0, len(articles), AT_ONCE):
        some = articles[start : start + AT_ONCE]
        await asyncio.gather(*(js.publish("news.v1.submitted", data, timeout=20, stream="INBOX") for data in some))


async def _drained(js: JetStreamContext, stream: str, durable: str) -> None:
    async with asyncio.timeout(600):
        while True:
            info = await js.consumer_info(stream, durable)
            if not info.num_pending and not info.num_ack_pending:
                return
            await asyncio.sleep(0.2)


@pytest.mark.row("20")
async def test_20_a_flood_of_repetitions_leaves_each_article_once(tmp_path: Path, report: Report) -> None:
    async with impatient(tmp_path / "stack") as (stack, js):
        usual = next(config for config in streams() if config.name == "INBOX")
        await js.update_stream(replace(usual, duplicate_window=2))
        articles = [a_submission(guid=f"flood-{n}", body=f"{BODY} {n}").model_dump_json().encode() for n in range(200)]
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            await _all_at_once(js, articles * 25)
            for consumer in CONSUMERS:
                await _drained(js, consumer.stream, consumer.durable)
            verdict = await verify(js, stack.mongo_url, [])
        found = await _outcomes(js)
    duplicated = len(verdict.duplicated)
    report.add("20", acked=5000, outcomes=found, duplicated=duplicated, regressions=len(watch.regressions))
    assert found == {"inserted": 200, "duplicate": 200 * 24}
    assert verdict.duplicated == []
    assert watch.regressions == []


async def _outcomes(js: JetStreamContext) -> dict[str, int]:
    seen: dict[int, str] = {}
    async for message in all_of(js, "NEWS", "news.v1.stored.>"):
        event = ArticleStored.model_validate_json(message.data)
        seen.setdefault(event.version, event.outcome)
    return dict(Counter(seen.values()))


@pytest.mark.row("29")
async def test_29_a_credential_that_is_revoked_is_told_and_waited_for(tmp_path: Path, report: Report) -> None:
    """The publisher keeps its own; the services, whose passwords change, end, are started again, and get in again."""
    folder = tmp_path / "stack"
    async with local.running(folder, lambda _: None, usual_ports=False) as stack:
        configuration, nats = folder / "nats-accounts.conf", stack.processes["nats-server"]
        usual = configuration.read_text()
        passwords = [
            login(address_file(folder / "credentials", name, "nats").read_text())["password"] for name in SERVICES
        ]
        revoked = usual
        for password in passwords:
            revoked = revoked.replace(password, password[::-1])
        async with broker_of(stack) as js:
            await hurry(js)
            with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
                async with Load(js, tmp_path / "ledger", seed=29) as load:
                    await load.more(SOME)
                    configuration.write_text(revoked)
                    os.kill(nats, signal.SIGHUP)
                    await load.more(SOME)
                    logs = [folder / f"logs/{name}.log" for name in SERVICES]
                    async with asyncio.timeout(60):
                        while not all(" refuses the user" in log.read_text() for log in logs):  # noqa: ASYNC110 - a log
                            await asyncio.sleep(0.2)
                    configuration.write_text(usual)
                    os.kill(nats, signal.SIGHUP)
                    await load.more(SOME)
                await judge(report, "29", js, stack.mongo_url, load.entries, watch)
