"""Backup of a broker and a database that are at work, and its restore after both lost everything."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from pymongo import MongoClient
from pymongo.database import Database

from services.ingest import app as ingest
from services.store import app as store
from shared.broker.connect import brief_connection
from shared.broker.permissions import RESETS
from shared.settings import Settings
from shared.topology import NEWS
from tests.commands import Wireroom, command_of
from tests.fakes.model import without_a_model
from tests.running import idle, publish, read, running
from wireroom.local.local_stack import servers
from wireroom.ops.backups import backup_manifest, stream_snapshots
from wireroom.testing.factories import a_submission

Articles = Database[dict[str, Any]]
SOME = 60  # articles acknowledged before the backup begins
SERVICES = (ingest.app, without_a_model, store.app)


@pytest.fixture
def command(settings: Settings, tmp_path: Path) -> Wireroom:
    return command_of(settings, tmp_path)


async def lose_everything(js: JetStreamContext, database: Articles) -> None:
    for stream in await js.streams_info():
        await js.delete_stream(str(stream.config.name))
    database.client.drop_database(database.name)


async def quiet(broker: Client) -> None:
    for stream, durable in (("INBOX", "ingest"), ("RAW", "extract"), (NEWS, "store")):
        await idle(broker, stream, durable)


class Load:
    """Publishes until it is stopped; ``places`` are the places in INBOX of what was acknowledged, by guid."""

    def __init__(self, broker: Client) -> None:
        self._broker = broker
        self.places: dict[str, int] = {}
        self._more = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._publish())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def more(self, count: int) -> None:
        wanted = len(self.places) + count
        async with asyncio.timeout(60), self._more:
            await self._more.wait_for(lambda: len(self.places) >= wanted)

    async def _publish(self) -> None:
        while True:
            guid = f"load-{len(self.places)}"
            [place] = await publish(self._broker, a_submission(guid=guid, title=guid))
            async with self._more:
                self.places[guid] = place
                self._more.notify_all()


async def test_what_was_acknowledged_before_a_backup_under_load_is_there_after_everything_was_lost(
    broker: Client, settings: Settings, database: Articles, command: Wireroom, tmp_path: Path
) -> None:
    js, load = broker.jetstream(timeout=10), Load(broker)
    async with running(*SERVICES, settings=settings):
        async with load.running():
            await load.more(SOME)
            before = dict(load.places)
            saved = await command("backup", "saved", "--json")
            assert saved.code == 0, saved.said
            await load.more(SOME)
        await quiet(broker)
    assert (await js.stream_info("INBOX")).state.messages == 0, "a backup leaves nothing behind in the streams"
    await lose_everything(js, database)

    restored = await command("restore", "saved")
    assert restored.code == 0, restored.said
    async with running(*SERVICES, settings=settings):
        [place] = await publish(broker, a_submission(guid="after", title="after"))
        await quiet(broker)
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text("".join(json.dumps({"sequence": place}) + "\n" for place in [*load.places.values(), place]))
    audited = await command("audit", "--ledger", "ledger.jsonl", "--json")
    [said] = audited.lines
    stored = {article["guid"] for article in database["articles"].find()}
    assert before.keys() <= stored
    assert "after" in stored
    gone = {place for guid, place in load.places.items() if guid not in stored}
    assert set(said["missing"]) == gone, "the audit names what was published since, and nothing else"
    assert gone.isdisjoint(before.values())
    assert said["in_flight"] == 0


async def test_positions_of_consumers_indexes_and_validators_come_back(
    broker: Client, settings: Settings, database: Articles, command: Wireroom
) -> None:
    js = broker.jetstream(timeout=10)
    async with running(*SERVICES, settings=settings):
        await publish(broker, *(a_submission(guid=f"{n}") for n in range(10)))
        await read(broker, NEWS, "news.v1.stored.>", 10)
        await quiet(broker)
    await js.add_consumer(NEWS, durable_name="archive", ack_policy="explicit", filter_subject="news.v1.stored.>")
    reader = await js.pull_subscribe_bind("archive", NEWS)
    for message in await reader.fetch(3, timeout=5):
        await message.ack_sync()
    await reader.unsubscribe()
    before = {name: database[name].index_information() for name in database.list_collection_names()}
    options = {found["name"]: found["options"] for found in database.list_collections()}
    documents = {name: list(database[name].find().sort("_id", 1)) for name in before}
    assert (await command("backup", "saved")).code == 0
    await lose_everything(js, database)
    assert (await command("restore", "saved")).code == 0
    info = await js.consumer_info(NEWS, "archive")
    assert info.num_pending == 7
    assert {name: database[name].index_information() for name in before} == before
    assert {found["name"]: found["options"] for found in database.list_collections()} == options | {"number_gaps": {}}
    assert {name: list(database[name].find().sort("_id", 1)) for name in before} == documents
    async with running(*SERVICES, settings=settings):
        [place] = await publish(broker, a_submission(guid="3", title="A correction"))
        await quiet(broker)
    assert place > 10_000_000, "above what may have been given since the backup"
    assert database["articles"].count_documents({"title": "A correction", "version": place}) == 1
    assert (await command("audit")).code == 0


async def test_a_consumer_that_is_ahead_of_its_restored_stream_is_put_back(broker: Client) -> None:
    """As snapshots of older brokers have it; else what is published up to its position would never be delivered."""
    js, subject = broker.jetstream(timeout=10), "news.v1.raw.harbour-gazette"
    await js.publish(subject, b"old", stream="RAW")
    await broker.request(f"{RESETS}.RAW.extract", b'{"seq": 8}', timeout=10)
    reader = await js.pull_subscribe_bind("extract", "RAW")
    await js.publish(subject, b"new", stream="RAW")
    with pytest.raises(TimeoutError):
        await reader.fetch(1, timeout=0.5)
    await stream_snapshots.put_back_consumers(broker, "RAW", 1)
    [message] = await reader.fetch(1, timeout=5)
    assert message.data == b"new"


async def test_work_that_was_waiting_waits_again_after_a_restore(
    broker: Client, settings: Settings, database: Articles, command: Wireroom
) -> None:
    js = broker.jetstream(timeout=10)
    async with running(ingest.app, settings=settings):
        await publish(broker, *(a_submission(guid=f"raw-{n}") for n in range(3)))
        await idle(broker, "INBOX", "ingest")
    reader = await js.pull_subscribe_bind("extract", "RAW")
    await reader.fetch(2, timeout=5)  # by a process that dies with them
    await publish(broker, a_submission(guid="submitted"))
    assert (await command("backup", "saved")).code == 0
    await lose_everything(js, database)
    restored = await command("restore", "saved")
    assert restored.code == 0, restored.said
    async with running(*SERVICES, settings=settings):
        await quiet(broker)
    assert {article["guid"] for article in database["articles"].find()} == {"raw-0", "raw-1", "raw-2", "submitted"}
    assert (await command("audit")).code == 0


@pytest.mark.parametrize("kind", ["stream-RAW.snapshot", "collection-articles.bson", "manifest.json"])
async def test_a_damaged_backup_is_refused_before_anything_is_touched(
    broker: Client, settings: Settings, database: Articles, command: Wireroom, tmp_path: Path, kind: str
) -> None:
    async with running(*SERVICES, settings=settings):
        await publish(broker, a_submission())
        await quiet(broker)
    assert (await command("backup", "saved")).code == 0
    assert (await command("restore", "saved", "--check")).code == 0
    path = tmp_path / "saved" / kind
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused = await command("restore", "saved", "--replace")
    assert (refused.code, kind in refused.said, "damaged" in refused.said) == (65, True, True), refused.said
    assert database["articles"].count_documents({}) == 1
    assert (await broker.jetstream().stream_info("RAW")).state.messages == 1
    path.unlink()
    assert (await command("restore", "saved", "--replace")).code == 65


async def test_nothing_is_replaced_unless_that_is_wanted(
    broker: Client, settings: Settings, database: Articles, command: Wireroom
) -> None:
    async with running(*SERVICES, settings=settings):
        await publish(broker, a_submission(guid="saved"))
        await quiet(broker)
        assert (await command("backup", "saved")).code == 0
        again = await command("backup", "saved")
        assert (again.code, "not empty" in again.said) == (73, True), again.said
        await publish(broker, a_submission(guid="since"))
        await quiet(broker)
        at_work = await command("restore", "saved", "--replace")
        assert (at_work.code, "Stop all services first" in at_work.said) == (1, True), at_work.said
    held = await command("restore", "saved")
    assert (held.code, "--replace deletes all of it" in held.said) == (1, True), held.said
    replaced = await command("restore", "saved", "--replace")
    assert replaced.code == 0, replaced.said
    assert [article["guid"] for article in database["articles"].find()] == ["saved"]


async def test_a_backup_is_restored_into_the_folder_of_a_stack_that_does_not_run(
    broker: Client, settings: Settings, command: Wireroom, tmp_path: Path
) -> None:
    async with running(*SERVICES, settings=settings):
        await publish(broker, a_submission(guid="moved"))
        await quiet(broker)
    assert (await command("backup", "saved")).code == 0
    unnamed = Wireroom({}, tmp_path)
    restored = await unnamed("--data", "stack", "restore", "saved")
    assert restored.code == 0, restored.said
    async with servers(tmp_path / "stack", print) as found:
        with MongoClient[dict[str, Any]](found.mongo_url) as client:
            articles = client["wireroom"]["articles"]
            assert [article["guid"] for article in articles.find()] == ["moved"]
        async with brief_connection(found.nats_url) as connection:
            assert (await connection.jetstream().stream_info("RAW")).state.messages == 1
    again = await unnamed("--data", "stack", "restore", "saved")
    assert (again.code, "--replace deletes all of it" in again.said) == (1, True), again.said
    alone = await command("--data", "stack", "restore", "saved", WIREROOM_MONGO_URL="")
    assert (alone.code, "WIREROOM_NATS_URL is set alone" in alone.said) == (1, True), alone.said


async def test_a_backup_that_was_interrupted_is_none(broker: Client, command: Wireroom, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    await stream_snapshots.save(broker, "RAW", folder)
    refused = await command("restore", "half")
    assert (refused.code, "did not come to its end" in refused.said) == (65, True), refused.said


def test_files_of_a_backup_are_their_owners_alone(tmp_path: Path) -> None:
    with backup_manifest.writing(tmp_path / "a.bson") as writer:
        writer.write(b"a")
    assert (tmp_path / "a.bson").stat().st_mode & 0o777 == 0o600
