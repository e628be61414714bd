"""The commands of "Upgrading" in docs/operations.md, as they stand there, while articles go through the stack."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.broker.connect import brief_connection
from shared.messages import ArticleStored
from tests.containers.compose_stack import Stack
from tests.containers.container_load import SOME, Load, audited
from tests.paths import ROOT

pytestmark = pytest.mark.timeout(600)
SERVICES = ("ingest", "extract", "store", "desk")
LONGER = 10.0  # seconds that an article may take more than on the same machine before


# the images are made by the test; a line is run again where a container missed a health check on a busy machine
PRELUDE = """set -eu
docker() {
    if [ "$*" = "compose build" ]; then return; fi
    for _ in {1..20}; do
        if command docker "$@"; then return; fi
        if [ "$1 $2" != "compose up" ]; then return 1; fi
    done
    return 1
}
"""


def commands() -> str:
    """Return the block of commands as it stands there."""
    page = (ROOT / "docs/operations.md").read_text("utf-8").partition("\n## Upgrading\n")[2].partition("\n## ")[0]
    return page.partition("```\n")[2].partition("```")[0]


def images(stack: Stack, service: str) -> list[str]:
    """Return the image of each container of a service."""
    names = stack.compose("ps", "--quiet", service).split()
    return stack.docker("inspect", "--format", "{{.Image}}", *names).split()


def release(stack: Stack, service: str) -> str:
    """Give the service's image a successor of the same name, as `docker compose build` does; returns its id."""
    name = f"{stack.project}-{service}"
    recipe = f'FROM {name}\nLABEL org.opencontainers.image.version="next"\n'
    stack.docker("build", "--quiet", "--tag", name, "-", stdin=recipe)
    return stack.docker("image", "inspect", "--format", "{{.Id}}", name).strip()


@pytest.fixture
def files() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".containers-") as name:
        Path(name).chmod(0o755)  # the user of the tools service is another one
        yield Path(name)


@asynccontextmanager
async def noting(url: str, arrived: dict[int, float]) -> AsyncIterator[None]:
    """Note when each version is stored, until the block ends."""
    async with brief_connection(url) as connection:
        events = await connection.subscribe("news.v1.stored.>")

        async def note() -> None:
            async for message in events.messages:
                arrived.setdefault(ArticleStored.model_validate_json(message.data).version, time.monotonic())

        task = asyncio.create_task(note())
        await connection.flush()
        yield
        await events.drain()  # type: ignore[no-untyped-call] # what has come is noted too
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_services_are_replaced_one_by_one_and_no_article_is_lost_or_waits(stack: Stack, files: Path) -> None:
    lines = commands()
    assert all(f" {name}\n" in lines for name in SERVICES)
    await asyncio.to_thread(stack.compose, "up", "--detach", "--no-deps", "--scale", "extract=1", "extract")
    load = Load(await asyncio.to_thread(stack.address, "publisher"), files / "ledger.jsonl")
    arrived, new = dict[int, float](), dict[str, str]()
    async with noting(await asyncio.to_thread(stack.address, "operator"), arrived), load.running():
        await load.more()
        before = set(load.sent)
        new |= {name: await asyncio.to_thread(release, stack, name) for name in SERVICES}
        done = await asyncio.to_thread(stack.shell, PRELUDE + lines)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"[-4000:]
        await load.more()
        said = await audited(stack, load, WIREROOM_FILES=str(files))
    for name in SERVICES:
        assert await asyncio.to_thread(images, stack, name) == [new[name]], name
    assert (said["adds_up"], said["missing"], said["dead"]) == (True, [], 0), said
    assert said["accepted"] >= 2 * SOME
    waited = {place: arrived[place] - sent for place, sent in load.sent.items()}
    usual = max(waited[place] for place in before)
    longest = max(waited.values())
    print(f"{len(waited)} articles; the longest took {longest:.1f} s, before the upgrade {usual:.1f} s")  # noqa: T201
    assert longest <= usual + LONGER, sorted(waited.values())[-10:]
