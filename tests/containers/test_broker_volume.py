"""The broker's volume removed, restored from a backup, and the stack taken down and up, each while publishers go on."""

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.containers.compose_stack import DOCKER, Stack, no_docker
from tests.containers.container_load import SOME, Load, audited, compose
from tests.paths import ROOT

pytestmark = pytest.mark.timeout(900)
SERVICES = ("ingest", "extract", "store")


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
