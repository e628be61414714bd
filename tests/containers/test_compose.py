"""The containers of compose.yaml at work: articles go through, replicas share them, nothing is kept unnamed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from shared import __version__
from shared.messages import ArticleStored, ArticleSubmitted
from tests.containers.compose_stack import Stack, no_docker
from tests.documents import documented_service
from tests.paths import ROOT

pytestmark = pytest.mark.timeout(900)  # the first build downloads every package


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
    """Yield a publisher's connection and what an operator hears of stored articles, from programs on this machine."""
    publisher, operator = [
        await nats.connect(await asyncio.to_thread(stack.address, user), connect_timeout=5)
        for user in ("publisher", "operator")
    ]
    try:
        events = await operator.subscribe("news.v1.stored.>")
        await operator.flush()
        yield publisher, events
    finally:
        await publisher.close()
        await operator.close()


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
    "told_of_mongodb": "WIREROOM_MONGO_URL_FILE" in os.environ,
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


def test_nothing_is_kept_in_a_volume_without_a_name_and_every_container_is_bounded(stack: Stack) -> None:
    containers = stack.containers()
    volumes = {mount["Name"] for found in containers for mount in found["Mounts"] if mount["Type"] == "volume"}
    assert {re.sub(r"^.*_", "", name) for name in volumes} == {"nats", "mongo", "desk", "credentials"}
    for found in containers:
        assert found["HostConfig"]["Memory"] > 0, found["Name"]
        assert found["HostConfig"]["PidsLimit"] > 0, found["Name"]
        assert "wireroom.part" in found["Config"]["Labels"], found["Name"]


def test_the_health_of_the_database_is_asked_without_starting_a_shell_of_it(stack: Stack) -> None:
    """With nothing on its path but what bash has itself; mongosh takes more than a second of processor time."""
    stack.compose("exec", "-T", "mongo", "env", "PATH=/nonexistent", "/bin/bash", "/usr/local/bin/mongo-health")
    elsewhere = "sed s/27017/1/ /usr/local/bin/mongo-health | PATH=/nonexistent /bin/bash"
    asked = stack.run("exec", "-T", "mongo", "/bin/bash", "-c", elsewhere)
    assert asked.returncode != 0, "a database that does not answer is not healthy"


def test_a_setup_that_cannot_succeed_ends_and_the_services_do_not_start() -> None:
    if reason := no_docker():
        pytest.skip(reason)
    wrong = Stack(WIREROOM_STREAM_REPLICAS="9")
    try:
        wrong.compose("build", "--quiet", "credentials", "setup", "ingest")
        started = wrong.run("up", "--wait", "--wait-timeout", "120", "--quiet-pull", "ingest")
        assert started.returncode != 0
        state = {found["Config"]["Labels"]["com.docker.compose.service"]: found for found in wrong.containers()}
        assert (state["setup"]["State"]["ExitCode"], state["setup"]["RestartCount"]) == (78, 0)
        assert state["ingest"]["State"]["Status"] == "created"
        assert "WIREROOM_STREAM_REPLICAS is '9'" in wrong.logs()
    finally:
        wrong.down()


def test_compose_takes_the_stanza_of_an_added_service(tmp_path: Path) -> None:
    if reason := no_docker():
        pytest.skip(reason)
    file = tmp_path / "compose.yaml"
    file.write_text(documented_service.compose_file(), "utf-8")
    read = Stack(str(file)).compose("--project-directory", str(ROOT), "config", "--format", "json")
    made = json.loads(read)["services"][documented_service.NAME]
    assert made["build"]["args"] == {"SERVICE": documented_service.NAME, "LOCK": "store"}
    assert {"nats", "setup"} == set(made["depends_on"])
