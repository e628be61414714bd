"""Articles that end or hang their process: each is set aside as what it is, and every neighbour arrives.

In extract that process is a worker, and the service lives; in ingest it is the service, and whatever runs it starts it
again.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from nats.aio.client import Client

from services.extract import app as extract
from services.ingest import app as ingest
from shared.messages import ArticleExtracted, ArticleIngested, ArticleSubmitted
from shared.settings import Settings
from shared.topology import INGEST
from tests.commands import environment_of
from tests.faults.report import Report
from tests.paths import ROOT
from tests.running import publish, read, running
from wireroom.testing.factories import a_submission

MOST_STARTS = 30


@asynccontextmanager
async def started_again_whenever_it_ends(settings: Settings) -> AsyncIterator[list[int]]:
    """Run the weak service as Compose or the supervisor would; yields the exit codes so far."""
    known = environment_of(settings)
    environment = os.environ | known | {"PYTHONPATH": str(ROOT)}
    codes: list[int] = []
    program = str(ROOT / "tests/faults/rig/poisoned_ingest.py")

    async def keep() -> None:
        while len(codes) < MOST_STARTS:
            process = await asyncio.create_subprocess_exec(sys.executable, program, env=environment)
            try:
                codes.append(await process.wait())
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    keeping = asyncio.create_task(keep())
    try:
        yield codes
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


async def test_only_the_culprits_are_set_aside_and_every_neighbour_arrives(broker: Client, settings: Settings) -> None:
    js = broker.jetstream()
    await js.add_consumer(INGEST.stream, replace(INGEST.config, ack_wait=2))
    good = [f"good-{number}" for number in range(20)]
    guids = [*good[:7], "kills-1", *good[7:13], "hangs-1", *good[13:]]
    await publish(broker, *(a_submission(guid=guid) for guid in guids))
    async with started_again_whenever_it_ends(settings) as codes:
        letters = await read(broker, "DEAD", "news.dead.ingest.>", 2)
        raw = await read(broker, "RAW", "news.v1.raw.>", len(good))
    reasons = {
        ArticleSubmitted.model_validate_json(letter.data).guid: (letter.headers or {})["wireroom-reason"]
        for letter in letters
    }
    assert reasons == {"kills-1": "crash_loop", "hangs-1": "time_limit"}
    assert {ArticleIngested.model_validate_json(message.data).guid for message in raw} == set(good)
    assert (await js.stream_info("DEAD")).state.messages == 2
    assert codes.count(9) >= 3
    assert 70 in codes


WEAK = partial(extract.app, job="tests.faults.rig.weak_extract:open_job")
CULPRITS = {
    "exits-1": "crash_loop",
    "faults-1": "crash_loop",
    "spins-1": "time_limit",
    "grows-1": "memory_limit",
}


@pytest.mark.row("28")
async def test_what_ends_a_worker_of_extract_is_set_aside_and_the_service_lives(
    broker: Client, settings: Settings, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_EXTRACT_TIME_LIMIT", "4")
    monkeypatch.setenv("WIREROOM_EXTRACT_MEMORY_LIMIT", "200")
    monkeypatch.setenv("WIREROOM_EXTRACT_WORKERS", "2")
    good = [f"good-{number}" for number in range(40)]
    guids = [*good[:3], "exits-1", "faults-1", *good[3:20], "spins-1", *good[20:30], "grows-1", *good[30:]]
    sent = [a_submission(guid=guid) for guid in guids]
    async with running(ingest.app, WEAK, settings=settings):
        await publish(broker, *sent)
        letters = await read(broker, "DEAD", "news.dead.extract.>", len(CULPRITS))
        clean = await read(broker, "NEWS", "news.v1.extracted.>", len(good))
    reasons = {
        ArticleIngested.model_validate_json(letter.data).guid: (letter.headers or {})["wireroom-reason"]
        for letter in letters
    }
    lost = len(guids) - len(letters) - len(clean)
    report.add("28", acked=len(guids), lost=lost, outcomes={"extracted": len(clean), **Counter(reasons.values())})
    assert reasons == CULPRITS
    assert {ArticleExtracted.model_validate_json(message.data).guid for message in clean} == set(good)
    js = broker.jetstream()
    assert (await js.stream_info("DEAD")).state.messages == len(CULPRITS)
    assert (await js.stream_info("NEWS")).state.messages == len(good)
