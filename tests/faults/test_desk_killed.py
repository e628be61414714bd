"""Row 45 of the fault matrix, its second part: a desk that is killed while articles are corrected and withdrawn."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest
from nats.aio.client import Client

from services.desk import control
from shared.broker.withdrawals import Tombstone, withdraw
from shared.errors import Unavailable
from shared.messages import ArticleExtracted, ArticleWithdrawn
from shared.runtime.run import load
from shared.settings import Settings
from tests.faults.report import Report
from tests.integration.desk.announcing import announce, article
from tests.paths import ROOT
from tests.running import idle, running
from wireroom.local import ports
from wireroom.testing.factories import NOON, a_withdrawn_event

KILLS, ARTICLES, PATIENCE = 3, 600, 300.0
ROW = "45/corrections, withdrawals"


async def last_sequence(broker: Client) -> int | None:
    """Return how far the desk has committed; None while it does not answer."""
    try:
        return int((await control.ask(broker, "desk", "state", seconds=2))["last_sequence"])
    except Unavailable:
        return None


async def progressed(broker: Client, beyond: int) -> int:
    async with asyncio.timeout(PATIENCE):
        while (reached := await last_sequence(broker)) is None or reached <= beyond:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.01)
    return reached


def changes() -> list[ArticleExtracted | ArticleWithdrawn]:
    """Return new articles, corrections in any order, repeats and withdrawals, the same each time."""
    chance, made = random.Random(18), list[ArticleExtracted | ArticleWithdrawn]()
    for version in range(1, ARTICLES + 1):
        made.append(article(chance.randrange(1, ARTICLES // 3), version))
        if chance.random() < 0.05:
            made.append(made[chance.randrange(len(made))])
        if chance.random() < 0.02:
            made.append(a_withdrawn_event(id=made[-1].id, version=version))
    chance.shuffle(made)
    return made


async def send(broker: Client) -> int:
    """Announce all changes, a withdrawal as `wireroom withdraw` does: with its tombstone first."""
    last = 0
    for change in changes():
        if isinstance(change, ArticleWithdrawn):
            stone = Tombstone(id=change.id, source=change.source, reason=change.reason, at=NOON)
            await withdraw(broker.jetstream(timeout=10), stone)
        last = await announce(broker, change)
    return last


async def started(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.runtime.run", "desk"), cwd=ROOT, env=os.environ | environment
    )


@pytest.mark.row(ROW)
@pytest.mark.nightly
@pytest.mark.timeout(900)
async def test_a_desk_that_is_killed_again_and_again_ends_equal_to_mongodb(
    settings: Settings, broker: Client, tmp_path: Path, report: Report
) -> None:
    health, http = ports.free(2)
    environment = {
        "WIREROOM_NATS_URL": settings.nats_url,
        "WIREROOM_MONGO_URL": settings.mongo_url,
        "WIREROOM_MONGO_DATABASE": settings.mongo_database,
        "WIREROOM_HEALTH_PORT": str(health),
        "WIREROOM_DESK_FOLDER": str(tmp_path),
        "WIREROOM_DESK_HTTP_PORT": str(http),
    }
    async with running(load("store"), settings=settings):
        sending = asyncio.create_task(send(broker))
        reached = 0
        for _ in range(KILLS):
            process = await started(environment)
            reached = await progressed(broker, reached)  # it has committed something since the last one was killed
            process.kill()
            await process.wait()
        last = await sending
        process = await started(environment)
        await idle(broker, "NEWS", "store")
        await idle(broker, "NEWS", "desk", PATIENCE)  # what was in flight comes again after ack_wait
        found = await control.ask(broker, "desk", "check", seconds=PATIENCE)
        process.terminate()
        assert await process.wait() == 0
    kinds = ("missing", "left_over", "other_version")
    report.add(ROW, kills=KILLS, indexed=found["articles"], differences=sum(found[kind] for kind in kinds))
    assert found["equal"], found
    assert 0 < found["articles"] < ARTICLES
    assert reached <= last
