"""compose.cluster.yaml: it outlives the loss and the cutting off of any server, and is upgraded while it works."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.broker.connect import brief_connection
from tests.containers.compose_stack import Stack, no_docker
from tests.containers.container_load import Load, audited, compose
from tests.paths import ROOT

pytestmark = pytest.mark.timeout(900)
SOME = 40  # articles of each part
SERVICES = ("ingest", "extract", "store", "desk")
NETWORKS = {"nats": "queue", "mongo": "data"}  # where a server meets the others


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if reason := no_docker():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".containers-") as files:
        Path(files).chmod(0o755)  # the user of the tools service is another one
        started = Stack("compose.cluster.yaml", WIREROOM_FILES=files)
        try:
            started.compose("--profile", "tools", "build", "--quiet")
            started.compose("up", "--wait", "--wait-timeout", "300", "--quiet-pull")
            yield started
        finally:
            started.down()


@pytest.fixture
async def load(stack: Stack) -> AsyncIterator[Load]:
    ledger = Path(stack.environment["WIREROOM_FILES"]) / "ledger.jsonl"
    ledger.unlink(missing_ok=True)
    made = Load(await asyncio.to_thread(stack.address, "publisher"), ledger)
    async with made.running():
        yield made


async def docker(stack: Stack, *arguments: str) -> str:
    return await asyncio.to_thread(stack.docker, *arguments)


async def leaders(stack: Stack) -> tuple[str, str]:
    """Return the services that lead INBOX and the database, once there are both."""
    url = await asyncio.to_thread(stack.address, "operator")
    async with asyncio.timeout(120):
        while True:
            async with brief_connection(url) as connection:
                cluster = (await connection.jetstream(timeout=10).stream_info("INBOX")).cluster
            primary = await asyncio.to_thread(stack.mongo, "db.hello().primary ?? ''", "mongo-1")
            if cluster and cluster.leader and primary:
                return cluster.leader, primary.partition(":")[0]


async def healthy(stack: Stack, load: Load, containers: list[str]) -> None:
    """Return once these are healthy: brokers and databases have caught up with the others. Looks as articles go by."""
    state = ("inspect", "--format", "{{.State.Health.Status}}")
    async with asyncio.timeout(180):
        while set((await docker(stack, *state, *containers)).split()) != {"healthy"}:
            await load.more(10)


@asynccontextmanager
async def cut_off(stack: Stack, services: tuple[str, ...]) -> AsyncIterator[None]:
    """Take servers out of the network in which they meet the others, and let them back."""
    places = [(f"{stack.project}_{NETWORKS[name.partition('-')[0]]}", name) for name in services]
    for network, name in places:
        await docker(stack, "network", "disconnect", network, stack.container(name))
    try:
        yield
    finally:
        for network, name in places:
            await docker(stack, "network", "connect", "--alias", name, network, stack.container(name))


async def test_killed_leaders_a_killed_replica_and_leaders_that_are_cut_off_lose_nothing(
    stack: Stack, load: Load
) -> None:
    await load.more(SOME)
    killed = [*(stack.container(name) for name in await leaders(stack)), stack.container("extract")]
    await docker(stack, "kill", *killed)
    await load.more(SOME)
    await docker(stack, "start", *killed)
    await healthy(stack, load, killed)
    async with cut_off(stack, await leaders(stack)):
        await load.more(SOME)
    await load.more(SOME)
    said = await audited(stack, load)
    assert (said["adds_up"], said["missing"], said["dead"]) == (True, [], 0), said
    assert said["accepted"] >= 4 * SOME
    every = await asyncio.to_thread(stack.tools, "audit")
    assert every.returncode == 0, every.stdout


async def test_streams_and_buckets_go_from_three_copies_to_one_and_back_while_articles_go_through(
    stack: Stack, load: Load
) -> None:
    for copies in (1, 3):
        await load.more(SOME)
        setting = ("-e", f"WIREROOM_STREAM_REPLICAS={copies}")
        done = await asyncio.to_thread(stack.run, "run", "--rm", "-T", *setting, "tools", "setup")
        assert done.returncode == 0, done.stderr
        async with brief_connection(await asyncio.to_thread(stack.address, "operator")) as connection:
            streams = await connection.jetstream(timeout=10).streams_info()
        assert {info.config.num_replicas for info in streams} == {copies}
    await load.more(SOME)
    said = await audited(stack, load)
    assert (said["adds_up"], said["missing"]) == (True, []), said


async def test_a_backup_of_the_cluster_is_restored_into_it_with_three_copies_of_each_stream(
    stack: Stack, load: Load
) -> None:
    folder = Path(stack.environment["WIREROOM_FILES"]) / "backups"
    folder.mkdir()
    folder.chmod(0o777)  # the user of the tools service is another one
    await load.more(SOME)
    await load.stop()
    saved = await asyncio.to_thread(stack.tools, "backup", "backups/today", "--json")
    assert saved.returncode == 0, saved.stderr
    await compose(stack, "stop", *SERVICES)
    restored = await asyncio.to_thread(stack.tools, "restore", "backups/today", "--replace")
    assert restored.returncode == 0, restored.stderr
    async with brief_connection(await asyncio.to_thread(stack.address, "operator")) as connection:
        streams = await connection.jetstream(timeout=10).streams_info()
    assert {info.config.num_replicas for info in streams} == {3}
    await compose(stack, "start", *SERVICES)
    said = await audited(stack, load)
    assert (said["adds_up"], said["missing"]) == (True, []), said
