"""The broker's volume removed, restored from a backup, and the stack taken down and up, each while publishers go on."""

import asyncio
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.errors import Error as NatsError

from shared.messages import ArticleSubmitted
from tests.containers.compose_stack import DOCKER, Stack, no_docker
from tests.paths import ROOT

pytestmark = pytest.mark.timeout(900)
SERVICES = ("ingest", "extract", "store")
SOME = 60  # articles of each part of a test
PAUSE = 0.05  # seconds between two: what is published meanwhile has to be extracted before the audit


class Load:
    """Publishes an article after another, through every outage, and keeps a ledger as `publish --ledger` does."""

    def __init__(self, url: str, ledger: Path) -> None:
        self._url, self._ledger = url, ledger
        self.acknowledged = 0
        self._more = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        connection = await nats.connect(
            self._url, max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=_expected
        )
        self._task = asyncio.create_task(self._publish(connection))
        try:
            yield
        finally:
            await self.stop()
            await connection.close()

    async def stop(self) -> None:
        """Publish nothing more, so that what is in flight comes to an end."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def more(self, count: int = SOME) -> None:
        """Wait until so many more are acknowledged."""
        wanted = self.acknowledged + count
        async with asyncio.timeout(180), self._more:
            await self._more.wait_for(lambda: self.acknowledged >= wanted)

    async def _publish(self, connection: Any) -> None:  # noqa: ANN401 - nats-py's client
        number = 0
        while True:
            number += 1
            place = await self._acknowledged(connection.jetstream(timeout=2), _article(number), f"load-{number}")
            async with self._more:
                with self._ledger.open("a") as ledger:
                    ledger.write(json.dumps({"run": "load", "sequence": place}) + "\n")
                self.acknowledged += 1
                self._more.notify_all()
            await asyncio.sleep(PAUSE)

    @staticmethod
    async def _acknowledged(js: Any, article: ArticleSubmitted, message_id: str) -> int:  # noqa: ANN401 - nats-py's
        body, headers = article.model_dump_json().encode(), {"Nats-Msg-Id": message_id}
        while True:
            try:
                ack = await js.publish(article.subject, body, stream="INBOX", headers=headers)
            except (NatsError, TimeoutError):
                await asyncio.sleep(0.2)
            else:
                return int(ack.seq)


async def _expected(_error: Exception) -> None:
    """The broker is stopped on purpose."""


def _article(number: int) -> ArticleSubmitted:
    body = (
        f"Marta Quillfeather opened lock number {number} of Tidewell on Monday. Boats may pass from the first of May."
    )
    return ArticleSubmitted(source="harbour-gazette", guid=f"load-{number}", body=body, language="en")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if reason := no_docker():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".containers-") as files:
        Path(files).chmod(0o755)  # the user of the tools service is another one
        started = Stack(WIREROOM_FILES=files)
        try:
            started.compose("--profile", "tools", "build", "--quiet")
            yield started
        finally:
            started.down()


@pytest.fixture
def fresh(stack: Stack) -> Iterator[Stack]:
    """The stack with empty volumes, ready."""
    stack.compose("up", "--wait", "--wait-timeout", "240", "--quiet-pull")
    yield stack
    stack.compose("down", "--volumes", "--timeout", "10")
    for ledger in Path(stack.environment["WIREROOM_FILES"]).iterdir():
        ledger.unlink()


@pytest.fixture
async def load(fresh: Stack) -> AsyncIterator[Load]:
    made = Load(fresh.address("publisher"), Path(fresh.environment["WIREROOM_FILES"]) / "ledger.jsonl")
    async with made.running():
        yield made


async def compose(stack: Stack, *arguments: str) -> None:
    await asyncio.to_thread(stack.compose, *arguments)


async def audited(stack: Stack, load: Load) -> dict[str, Any]:
    """End the load and return what the audit says of its ledger once nothing is in flight."""
    await load.stop()
    async with asyncio.timeout(180):
        while True:
            done = await asyncio.to_thread(stack.tools, "audit", "--ledger", "ledger.jsonl", "--json")
            assert done.stdout and done.returncode in {0, 1}, done.stderr  # noqa: PT018 - what it said tells both
            said: dict[str, Any] = json.loads(done.stdout)
            if not said["in_flight"]:
                return said


async def copied(stack: Stack, source: str, target: str) -> None:
    mounts = [option for name in (source, target) for option in ("-v", f"{stack.project}_{name}:/{name}")]
    script = f"rm -rf /{target}/* && cp -a /{source}/. /{target}/"
    command = [DOCKER, "run", "--rm", *mounts, "--entrypoint", "sh", "nats:2.15-alpine", "-c", script]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)


async def test_down_and_up_again_loses_nothing(fresh: Stack, load: Load) -> None:
    await load.more()
    await compose(fresh, "down", "--timeout", "10")
    await compose(fresh, "up", "--wait", "--wait-timeout", "240")
    await load.more()
    said = await audited(fresh, load)
    assert (said["adds_up"], said["missing"]) == (True, [])
    assert said["accepted"] >= 2 * SOME


async def test_a_removed_volume_of_the_broker_is_named_to_the_number(fresh: Stack, load: Load) -> None:
    await load.more()
    await compose(fresh, "stop", *SERVICES, "nats")
    await compose(fresh, "rm", "--force", "nats", "setup", "credentials")
    stored = set(fresh.mongo("db.articles.find({}, {version: 1}).toArray().map(each => Number(each.version))"))
    before = load.acknowledged
    await asyncio.to_thread(subprocess.run, [DOCKER, "volume", "rm", f"{fresh.project}_nats"], check=True)
    await compose(fresh, "up", "--wait", "--wait-timeout", "240")
    await load.more()
    said = await audited(fresh, load)
    assert set(said["missing"]) == set(range(1, before + 1)) - stored
    assert set(said["missing"]) == set(said["lost_by_broker"])
    newest = fresh.mongo("db.articles.find().sort({version: -1}).limit(1).toArray().map(each => Number(each.version))")
    assert newest[0] > 10_000_000, "the numbers go on above what the lost broker may have given"


async def test_a_volume_restored_from_a_backup_goes_on_above_what_is_stored(fresh: Stack, load: Load) -> None:
    await load.more()
    await compose(fresh, "stop", "nats")
    backed_up = load.acknowledged
    await copied(fresh, "nats", "backup")
    await compose(fresh, "up", "--wait", "--no-deps", "nats")
    await load.more()
    await compose(fresh, "stop", *SERVICES, "nats")
    before, stored = load.acknowledged, set(fresh.mongo("db.articles.distinct('version').map(Number)"))
    await copied(fresh, "backup", "nats")
    await compose(fresh, "up", "--wait", "--no-deps", "nats")
    restored = await asyncio.to_thread(fresh.tools, "setup", "--restored")
    assert restored.returncode == 0, restored.stderr
    await compose(fresh, "up", "--wait", "--wait-timeout", "240")
    await load.more()
    said = await audited(fresh, load)
    assert set(said["missing"]) == set(range(backed_up + 1, before + 1)) - stored
