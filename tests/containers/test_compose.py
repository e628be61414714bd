"""The stack of compose.yaml, built and started as a newcomer would, with an own project name and a free port."""

import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from shared import __version__
from shared.messages import ArticleStored, ArticleSubmitted

ROOT = Path(__file__).parents[2]
DOCKER = shutil.which("docker") or "docker"
READ_HEALTH = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/readyz').read().decode())"

pytestmark = pytest.mark.timeout(900)  # the first build downloads every package


def _no_docker() -> str | None:
    try:
        subprocess.run([DOCKER, "compose", "version"], capture_output=True, timeout=20, check=True)
        answer = subprocess.run([DOCKER, "info"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"docker does not run here: {error}"
    return None if answer.returncode == 0 else f"docker info fails: {answer.stderr.strip()[-200:]}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stack:
    """One started compose project."""

    def __init__(self) -> None:
        self.port = _free_port()
        self._project = f"wireroom-test-{uuid.uuid4().hex[:8]}"

    def compose(self, *arguments: str) -> str:
        """Run docker compose on this project; a failure shows what it printed."""
        command = [DOCKER, "compose", "--project-name", self._project, *arguments]
        environment = {**os.environ, "WIREROOM_NATS_PORT": str(self.port)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(self.logs())  # noqa: T201 - pytest shows it with the failure
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def logs(self) -> str:
        command = [DOCKER, "compose", "--project-name", self._project, "logs", "--no-color", "--tail", "40"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout

    def mongo(self, expression: str) -> Any:  # noqa: ANN401 - whatever JSON says
        """Evaluate an expression in the article database, as an operator would."""
        javascript = f"print(JSON.stringify({expression}))"
        return json.loads(self.compose("exec", "-T", "mongo", "mongosh", "wireroom", "--quiet", "--eval", javascript))

    def outcomes(self, service: str, replica: int) -> dict[str, int]:
        """Ask one replica, inside its container, how many messages it has answered."""
        answer = self.compose("exec", "-T", "--index", str(replica), service, "python", "-c", READ_HEALTH)
        counts: dict[str, int] = json.loads(answer)["outcomes"]
        return counts


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if reason := _no_docker():
        pytest.skip(reason)
    started = Stack()
    try:
        started.compose("build", "--quiet")
        started.compose("up", "--wait", "--wait-timeout", "240", "--quiet-pull")
        yield started
    finally:
        started.compose("down", "--volumes", "--rmi", "local", "--timeout", "5")


def _article(number: int) -> ArticleSubmitted:
    return ArticleSubmitted(
        source="harbour-gazette",
        guid=f"compose-{number}",
        title=f"Tidewell opens lock number {number}",
        body=f"The mayor of Tidewell, Marta Quillfeather, opened lock number {number} on Monday. "
        "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years. "
        "Boats may pass from the first of the month, she told the people who had come to watch.",
        language="en",
    )


@asynccontextmanager
async def _stored_events(stack: Stack) -> AsyncIterator[tuple[Client, Subscription]]:
    connection = await nats.connect(f"nats://127.0.0.1:{stack.port}", connect_timeout=5)
    try:
        events = await connection.subscribe("news.v1.stored.>")
        await connection.flush()
        yield connection, events
    finally:
        await connection.close()


async def _publish(connection: Client, article: ArticleSubmitted) -> None:
    await connection.jetstream().publish(article.subject, article.model_dump_json().encode(), stream="INBOX")


async def _next(events: Subscription) -> ArticleStored:
    return ArticleStored.model_validate_json((await events.next_msg(timeout=60)).data)


async def test_an_article_published_on_this_machine_ends_in_mongodb(stack: Stack) -> None:
    async with _stored_events(stack) as (connection, events):
        await _publish(connection, _article(0))
        event = await _next(events)

    assert event.outcome == "inserted"
    assert event.title == "Tidewell opens lock number 0"
    document = stack.mongo(f"db.articles.findOne({{_id: '{event.id}'}})")
    assert document["title"] == event.title
    assert "Marta Quillfeather" in {entity["name"] for entity in document["entities"]}


async def test_three_replicas_of_extract_share_the_articles_and_lose_none(stack: Stack) -> None:
    stack.compose("up", "--no-build", "--no-recreate", "--wait", "--scale", "extract=3")
    before = [sum(stack.outcomes("extract", replica).values()) for replica in (1, 2, 3)]
    async with _stored_events(stack) as (connection, events):
        for number in range(100, 130):
            await _publish(connection, _article(number))
        stored = {(await _next(events)).id for _ in range(30)}

    assert len(stored) == 30
    assert stack.mongo(f"db.articles.countDocuments({{_id: {{$in: {json.dumps(sorted(stored))}}}}})") == 30
    after = [sum(stack.outcomes("extract", replica).values()) for replica in (1, 2, 3)]
    shares = [late - early for early, late in zip(before, after, strict=True)]
    assert sum(shares) == 30
    assert sum(share > 0 for share in shares) > 1, shares  # of 30, one of three was seen to get 1


LOOK_INSIDE = """
import importlib.metadata, json, os, pathlib
print(json.dumps({
    "uid": os.getuid(),
    "version": importlib.metadata.version("wireroom"),
    "writable": [place for place in ("/", "/app", "/venv") if os.access(place, os.W_OK)],
    "told_of_mongodb": "WIREROOM_MONGO_URL" in os.environ,
    "services": sorted(path.name for path in pathlib.Path("services").iterdir() if not path.name.startswith("__")),
}))
"""


@pytest.mark.parametrize("service", ["ingest", "extract", "store"])
def test_an_image_holds_one_service_which_cannot_change_it(stack: Stack, service: str) -> None:
    inside = json.loads(stack.compose("exec", "-T", service, "python", "-c", LOOK_INSIDE))
    assert inside == {
        "uid": 10001,
        "version": __version__,
        "writable": [],
        "told_of_mongodb": service == "store",
        "services": [service],
    }
