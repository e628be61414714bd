"""The examples run as a reader would run them: each a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from pymongo.database import Database

from services.ingest.identity import article_id
from shared.broker.envelope import headers
from shared.messages import Entity
from shared.settings import Settings
from tests.factories import NOON, a_submission, an_extracted_article
from tests.running import PATIENCE

EXAMPLES = Path(__file__).parents[2] / "examples"
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


async def test_the_publisher_puts_an_article_on_the_queue(broker: Client, settings: Settings) -> None:
    async with example("publish.py", NATS_URL=settings.nats_url) as output:
        assert await line(output) == "accepted as version 1\n"
    message = await broker.jetstream().get_last_msg("INBOX", "news.v1.submitted")
    assert b"New lock opens at Tidewell" in (message.data or b"")


async def test_the_stand_alone_reader_receives_what_was_published_before_it_started(
    broker: Client, settings: Settings
) -> None:
    await publish_extracted(broker, "first", "second")
    async with example("stand_alone.py", NATS_URL=settings.nats_url) as output:
        lines = [await line(output), await line(output)]
    assert [text.partition(": ")[2] for text in lines] == [
        "first | Marta Quillfeather (PERSON)\n",
        "second | Marta Quillfeather (PERSON)\n",
    ]


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
