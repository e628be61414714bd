"""Rows of the fault matrix about what flows: outages, slow links, backlogs, storms, floods and poison."""

import asyncio
import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it has no types
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.ingest.identity import ingested
from shared.messages import ArticleExtracted, ArticleIngested, ArticleStored, Message
from shared.reading import all_of
from shared.run import load
from shared.service import Delivery, Handler
from shared.settings import Settings
from tests.factories import BODY, NOON, PIPELINE, a_submission
from tests.faults.harness import Entry, Load, Report, Watch, seconds, submissions, verify
from tests.faults.parts import SERVICES, SlowProxy, parts
from tests.faults.test_matrix import SOME, impatient, tell
from tests.model import without_a_model
from tests.running import read, running

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]

BACKLOG = 100_000
AT_ONCE = 500


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
            with seconds() as recovery:
                verdict = await verify(js, stack.mongo_url, publisher.entries)
            recovered = recovery()
    tell(report, "5", "the broker is away for 30 s", verdict, watch, recovery_s=recovered, cores_while_away=used)
    assert verdict.fine, verdict
    assert max(used.values()) < 0.1, used
    assert watch.livez_silent == []


async def test_14_a_slow_link_to_the_broker(tmp_path: Path, report: Report) -> None:
    async with parts(tmp_path / "parts", through=SlowProxy(delay=0.2, rate=64_000)) as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.pids, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=14, publishers=1) as publisher:
                await publisher.more(3 * SOME)
            with seconds() as recovery:
                verdict = await verify(js, stack.mongo_url, publisher.entries)
            recovered = recovery()
    tell(report, "14", "a link of 64 kB/s with delay", verdict, watch, recovery_s=recovered)
    assert verdict.fine, verdict
    assert watch.regressions == []


async def _all_at_once(js: JetStreamContext, stream: str, messages: list[tuple[str, bytes]]) -> None:
    for start in range(0, len(messages), AT_ONCE):
        some = messages[start : start + AT_ONCE]
        await asyncio.gather(*(js.publish(subject, data, timeout=20, stream=stream) for subject, data in some))


async def test_18_a_backlog_takes_time_and_no_memory(tmp_path: Path, report: Report) -> None:
    """What waits for ingest and for store; extract's own memory is measured over as many articles by its bench."""
    async with parts(tmp_path / "parts") as (stack, js):
        for name in SERVICES:
            await stack.nodes.kill(name)
        body = BODY * 12
        await _all_at_once(js, "INBOX", [("news.v1.submitted", _submitted(n, body)) for n in range(BACKLOG)])
        await _all_at_once(js, "NEWS", [_extracted(n, body) for n in range(BACKLOG)])
        grown, peaks, took = {}, {}, {}
        for name, stream, durable in (("ingest", "INBOX", "ingest"), ("store", "NEWS", "store")):
            with Watch(stack.mongo_url, lambda: stack.pids, {}) as watch:
                with seconds() as clock:
                    await stack.nodes.start(name)
                    await _drained(js, stream, durable)
                took[name] = clock()
            grown[name], peaks[name] = round(watch.growth(name), 3), watch.peaks()[name]
            await stack.nodes.kill(name)
    report.add("18", f"{BACKLOG} articles wait", fine=True, growth=grown, peak_mb=peaks, seconds=took)
    assert max(grown.values()) < 0.1, grown


def _submitted(number: int, body: str) -> bytes:
    return a_submission(guid=f"backlog-{number}", body=f"{body} {number}").model_dump_json().encode()


def _extracted(number: int, body: str) -> tuple[str, bytes]:
    raw = ingested(a_submission(guid=f"other-{number}", body=f"{body} {number}"), version=number + 1, received_at=NOON)
    kept = {name: value for name, value in raw if name in ArticleExtracted.model_fields}
    made = ArticleExtracted(**kept | {"language": "en", "paragraphs": (raw.body,), "pipeline": PIPELINE})
    return made.subject, made.model_dump_json().encode()


async def _drained(js: JetStreamContext, stream: str, durable: str) -> None:
    async with asyncio.timeout(300):
        while True:
            info = await js.consumer_info(stream, durable)
            if not info.num_pending and not info.num_ack_pending:
                return
            await asyncio.sleep(0.2)


async def test_20_a_flood_of_repetitions_leaves_each_article_once(tmp_path: Path, report: Report) -> None:
    async with impatient(tmp_path / "stack") as (stack, js):
        articles = [a_submission(guid=f"flood-{n}", body=f"{BODY} {n}").model_dump_json().encode() for n in range(200)]
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            await _all_at_once(js, "INBOX", [("news.v1.submitted", article) for article in articles * 25])
            for consumer in ("ingest", "extract", "store"):
                await _drained(js, {"ingest": "INBOX", "extract": "RAW", "store": "NEWS"}[consumer], consumer)
            verdict = await verify(js, stack.mongo_url, [])
        found = Counter[str]()
        async for outcome in _outcomes(js):
            found[outcome] += 1
    report.add("20", "200 articles, 25 times each", fine=True, outcomes=dict(found), duplicated=len(verdict.duplicated))
    assert found == {"inserted": 200, "duplicate": 200 * 24}
    assert verdict.duplicated == []
    assert watch.regressions == []


async def _outcomes(js: JetStreamContext) -> AsyncIterator[str]:
    seen: set[int] = set()
    async for message in all_of(js, "NEWS", "news.v1.stored.>"):
        event = ArticleStored.model_validate_json(message.data)
        if event.version not in seen:
            seen.add(event.version)
            yield event.outcome


@pytest.mark.parametrize("poison", [0.0, 0.1])
async def test_21_poison_is_set_aside_and_its_neighbours_go_on(tmp_path: Path, report: Report, poison: float) -> None:
    """The rates are reported and not asserted; at 0.1 each poison with its own reason comes several times."""
    count = 1500
    async with impatient(tmp_path / "stack") as (stack, js):
        chosen = [next(articles) for articles in [submissions(21, poison)] for _ in range(count)]
        entries = []
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            began = time.monotonic()
            for start in range(0, count, 100):
                some = chosen[start : start + 100]
                acks = await asyncio.gather(
                    *(
                        js.publish(
                            "news.v1.submitted", s.data, timeout=20, stream="INBOX", headers=dict(s.headers) or None
                        )
                        for s in some
                    )
                )
                entries += [
                    Entry(ack.seq, s.guid, s.text, hashlib.sha256(s.data).hexdigest(), s.expected)
                    for ack, s in zip(acks, some, strict=True)
                ]
            verdict = await verify(js, stack.mongo_url, entries)
            rate = count / (time.monotonic() - began)
    title = f"poison: {poison:.0%} of {count}"
    tell(report, f"21-{poison:g}", title, verdict, watch, articles_per_second=round(rate, 1))
    assert verdict.fine, verdict


async def test_19_a_service_that_fails_at_everything_is_no_storm(
    broker: Client, settings: Settings, report: Report
) -> None:
    count, deliveries, mended = 500, Counter[int](), asyncio.Event()
    works = without_a_model()

    @asynccontextmanager
    async def open_handler(settings: Settings) -> AsyncIterator[Handler]:
        async with works.open_handler(settings) as extract:

            async def failing(article: ArticleIngested, delivery: Delivery) -> Message | None:
                deliveries[delivery.sequence] += 1
                if not mended.is_set():
                    raise RuntimeError("a defect")
                return await extract(article, delivery)

            yield failing

    async with running(load("ingest"), replace(works, open_handler=open_handler), load("store"), settings=settings):
        js = broker.jetstream(timeout=10)
        await _all_at_once(js, "INBOX", [("news.v1.submitted", _submitted(n, BODY)) for n in range(count)])
        await asyncio.sleep(30)
        before = sum(deliveries.values())
        mended.set()
        with seconds() as recovery:
            await _drained(js, "RAW", "extract")
        recovered = recovery()
        dead = (await js.stream_info("DEAD")).state.messages
        stored = await read(broker, "NEWS", "news.v1.stored.>", count - dead)
    title = f"extract fails at everything for 30 s, {count} articles"
    report.add("19", title, fine=True, deliveries_while_failing=before, dead=dead, recovery_s=recovered)
    assert before <= count * 6
    assert dead <= 50
    assert len(stored) + dead == count


async def test_29_a_credential_that_is_revoked_is_told_and_waited_for(tmp_path: Path, report: Report) -> None:
    async with parts(tmp_path / "parts") as (stack, js):
        configuration = tmp_path / "parts/nats.conf"
        usual = configuration.read_text()
        with Watch(stack.mongo_url, lambda: stack.pids, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=29) as publisher:
                await publisher.more(SOME)
                configuration.write_text(usual + "authorization { user: somebody, password: else }\n")
                os.kill(psutil.Process(stack.pids["nats-server"]).pid, signal.SIGHUP)
                logs = [tmp_path / f"parts/logs/{name}.log" for name in SERVICES]
                async with asyncio.timeout(60):
                    while not all("uthorization" in log.read_text() for log in logs):  # noqa: ASYNC110 - a log
                        await asyncio.sleep(0.2)
                configuration.write_text(usual)
                os.kill(psutil.Process(stack.pids["nats-server"]).pid, signal.SIGHUP)
                await publisher.more(SOME)
            with seconds() as recovery:
                verdict = await verify(js, stack.mongo_url, publisher.entries)
            recovered = recovery()
    tell(report, "29", "credentials are revoked and given back", verdict, watch, recovery_s=recovered)
    assert verdict.fine, verdict
