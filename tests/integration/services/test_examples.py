"""The examples run as a reader would run them: each a process of its own."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig
from pymongo.database import Database

from services.ingest.identity import article_id
from shared.broker.envelope import headers
from shared.broker.withdrawals import withdrawal
from shared.decoding import decode
from shared.messages import ArticleSubmitted, Entity
from shared.settings import Settings
from tests.paths import ROOT
from tests.running import PATIENCE
from wireroom.testing.factories import NOON, a_submission, an_extracted_article

EXAMPLES = ROOT / "examples"
GOPATH = Path("/usr/share/gocode")
QUILLFEATHER = Entity(name="Marta Quillfeather", label="PERSON", count=2, aliases=("Quillfeather",))


@asynccontextmanager
async def example(name: str, **environment: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / name, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        yield process.stdout
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def line(output: asyncio.StreamReader) -> str:
    return (await asyncio.wait_for(output.readline(), PATIENCE)).decode()


async def publish_extracted(broker: Client, *titles: str) -> None:
    for version, title in enumerate(titles, 1):
        article = an_extracted_article(title=title, version=version, entities=(QUILLFEATHER,))
        envelope = headers(article, service="extract", now=NOON)
        await broker.jetstream().publish(article.subject, article.model_dump_json().encode(), headers=envelope)


def _publishers() -> dict[str, list[str]]:
    """Return the commands of the publishers whose language and client are installed; Python's always is."""
    found = {"python": [sys.executable, str(EXAMPLES / "publish.py")]}
    if (node := shutil.which("node")) and (EXAMPLES / "node/node_modules").exists():  # npm ci --prefix examples/node
        found["node"] = [node, str(EXAMPLES / "node/publish.mjs")]
    if (go := shutil.which("go")) and (GOPATH / "src/github.com/nats-io/nats.go").exists():  # Debian's package of it
        found["go"] = [go, "run", str(EXAMPLES / "go/publish.go")]
    return found


@pytest.mark.parametrize("command", _publishers().values(), ids=_publishers())
async def test_the_publisher_of_each_language_puts_an_article_on_the_queue_once(
    broker: Client, settings: Settings, command: list[str]
) -> None:
    environment = os.environ | {"NATS_URL": settings.nats_url, "GO111MODULE": "off", "GOPATH": str(GOPATH)}
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert said.decode().startswith("accepted as version 1")
    message = await broker.jetstream().get_last_msg("INBOX", "news.v1.submitted")
    assert message.seq == 1, "the second is taken for a retry of the first"
    article = decode(message.data or b"", ArticleSubmitted)
    assert (article.guid, article.title) == ("hg-2026-0301-17", "New lock opens at Tidewell")


async def test_the_stand_alone_reader_receives_articles_and_take_downs_in_their_order(
    broker: Client, settings: Settings
) -> None:
    await publish_extracted(broker, "first")
    gone = withdrawal(an_extracted_article(), "court order")
    envelope = headers(gone, service="store", now=NOON)
    await broker.jetstream().publish(gone.subject, gone.model_dump_json().encode(), headers=envelope)
    await publish_extracted(broker, "", "second")
    async with example("stand_alone.py", NATS_URL=settings.nats_url) as output:
        lines = [await line(output) for _ in range(4)]
    assert [text.partition(": ")[2] for text in lines] == [
        "first | Marta Quillfeather (PERSON)\n",
        "withdrawn, court order\n",
        " | Marta Quillfeather (PERSON)\n",
        "second | Marta Quillfeather (PERSON)\n",
    ]


async def test_a_filter_that_is_widened_does_not_bring_what_was_passed_over(broker: Client) -> None:
    """docs/consumers.md says so; a durable of another name reads from the beginning."""
    js = broker.jetstream()
    narrow = ConsumerConfig(
        durable_name="narrow", filter_subjects=["news.v1.withdrawn.>"], ack_policy=AckPolicy.EXPLICIT
    )
    await publish_extracted(broker, "passed over")
    gone = withdrawal(an_extracted_article(), "court order")
    await js.publish(gone.subject, gone.model_dump_json().encode(), headers=headers(gone, service="store", now=NOON))
    await js.add_consumer("NEWS", narrow)
    reader = await js.pull_subscribe_bind("narrow", stream="NEWS")
    [message] = await reader.fetch(2, timeout=PATIENCE)
    await message.ack_sync()
    widened = ["news.v1.extracted.>", "news.v1.withdrawn.>"]
    info = await js.add_consumer("NEWS", narrow.evolve(filter_subjects=widened))
    assert (info.config.filter_subjects, info.num_pending) == (widened, 0)
    info = await js.add_consumer("NEWS", narrow.evolve(durable_name="another", filter_subjects=widened))
    assert info.num_pending == 2


async def test_the_watching_service_reports_a_name_by_its_alias(broker: Client, settings: Settings) -> None:
    await publish_extracted(broker, "New lock")
    environment = {"WIREROOM_NATS_URL": settings.nats_url, "WIREROOM_HEALTH_PORT": "0", "WATCH": "quillfeather, Nobody"}
    async with example("watch_names.py", PYTHONPATH=str(EXAMPLES.parent), **environment) as output:
        assert (await line(output)).startswith("Marta Quillfeather 2 times in New lock (")


async def test_articles_whose_link_has_another_id_now_are_listed(
    settings: Settings, database: Database[dict[str, Any]]
) -> None:
    link = "http://www.harbour-gazette.example/lock/"
    same = article_id(a_submission(url=link))
    database["articles"].insert_many(
        [
            {"_id": "old", "source": "harbour-gazette", "guid": None, "url": link},
            {"_id": same, "source": "harbour-gazette", "guid": None, "url": link},
            {"_id": "named", "source": "harbour-gazette", "guid": "17", "url": link},
            {"_id": "text", "source": "harbour-gazette", "guid": None, "url": None},
        ]
    )
    mongo = {"WIREROOM_MONGO_URL": settings.mongo_url, "WIREROOM_MONGO_DATABASE": settings.mongo_database}
    async with example("changed_ids.py", PYTHONPATH=str(EXAMPLES.parent), **mongo) as output:
        listed = (await asyncio.wait_for(output.read(), PATIENCE)).decode()
    assert listed == f"old\t{same}\tharbour-gazette\t{link}\n"
