"""Keeps the desk's index: writes batches, answers `wireroom desk`, and rebuilds what may have missed messages."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services.desk.control import CHECK, REINDEX, STATE, Control, ask
from services.desk.index.engine import TantivyEngine
from services.desk.index.generation import Change
from services.desk.index.index_check import Difference, difference
from services.desk.index.index_folder import IndexFolder
from services.desk.index.rebuild import Rebuild
from services.desk.settings import DeskSettings
from services.desk.site import Site
from services.store.mongo_connection import usable
from services.store.queries import Documents, current_versions, every_article
from shared.broker.withdrawals import Withdrawals
from shared.errors import Unavailable, WrongSetting
from shared.http.http_listener import connected
from shared.messages import ArticleExtracted, ArticleWithdrawn
from shared.runtime.service import kept_running
from shared.settings import Settings
from shared.topology import NEWS, Consumer

log = logging.getLogger(__name__)

BATCH = 200  # also what a crash delivers again, one by one
_TRIES_EVERY = 5.0  # seconds between two tries of a rebuild whose broker or database is unavailable
_CHECKS = 5  # comparisons, while changes are under way
_MONGO_PATIENCE_MS = 5_000
_ANSWERS_WITHIN = 5.0  # seconds that a desk of the same name has to answer

Item = tuple[Change, int]  # and its sequence in NEWS


def reads(name: str, instance: str = "") -> Consumer:
    """Return the consumer of a desk: every desk reads everything, so each has one of its own."""
    consumer = Consumer(
        NEWS, name, "news.v1.extracted.>", ArticleExtracted, 30, BATCH, 5 * BATCH, also=ArticleWithdrawn
    )
    return replace(consumer, own=True, instance=instance)


class Indexing:
    """The index of a running desk; raises WrongSetting where its folder cannot be used."""

    def __init__(self, settings: Settings, options: DeskSettings, withdrawals: Withdrawals) -> None:
        self._settings, self._options = settings, options
        self._folder = IndexFolder(options.folder)
        generation, self._complete = self._folder.open()
        self.engine = TantivyEngine(generation, time_limit=options.time_limit)
        self.engine.last_sequence = self._folder.position
        self._writing = asyncio.Lock()
        self._reads = reads(options.name)
        self._rebuild = Rebuild(self._folder, self.engine, self._reads, self._writing, withdrawals)
        self._rebuilding: asyncio.Task[None] | None = None
        self._name_is_ours = asyncio.Event()

    async def claim_name(self, connection: Client) -> None:
        """Let this desk answer by its name; raises WrongSetting where another one does so now.

        Both would read as one consumer, and each index would have a part of the articles. One that does not answer,
        though it is connected, ends itself once it sees that the consumer has another reader.
        """
        name = self._options.name
        with suppress(Unavailable):
            other = await ask(connection, name, STATE, seconds=_ANSWERS_WITHIN)
            raise WrongSetting(
                f"WIREROOM_DESK_NAME: a desk called {name} runs already, with its index in {other.get('folder')}. "
                "Each desk has a name and a folder of its own."
            )
        self._name_is_ours.set()

    async def write(self, batch: Sequence[Item]) -> Sequence[None]:
        """Commit a batch of changes; raises Unavailable where the index cannot be written, so that it comes again."""
        async with self._writing:
            await asyncio.to_thread(self.engine.generation.apply, [change for change, _ in batch])
            self.engine.last_sequence = max(self.engine.last_sequence, *(sequence for _, sequence in batch))
            self._folder.position = self.engine.last_sequence
        return [None] * len(batch)

    @asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[None]:
        """Answer `wireroom desk`, and serve the site, over a connection of their own, once there is one."""
        async with kept_running(lambda: self._connected(site), "the desk shows nothing of the broker"):
            yield

    async def close(self) -> None:
        """Let go of the index."""
        await asyncio.to_thread(self.engine.generation.close)

    async def _connected(self, site: Site) -> None:
        try:
            async with AsyncExitStack() as stack:
                connection = await connected(stack, self._settings.nats_url)
                js = connection.jetstream(timeout=10)
                await self._name_is_ours.wait()
                verbs = {STATE: self._state, REINDEX: lambda: self._reindex(js), CHECK: self._check}
                self._complete = self._complete and not await self._may_have_missed(js)
                await Control(self._options.name, verbs).start(connection)
                if not self._complete:
                    self._rebuilding = asyncio.create_task(self._rebuild_patiently(js))
                await stack.enter_async_context(site.connected(connection, js))
                await asyncio.Event().wait()  # until the desk ends
        finally:
            if self._rebuilding:
                self._rebuilding.cancel()

    async def _may_have_missed(self, js: JetStreamContext) -> bool:
        """Tell whether NEWS was trimmed beyond what this index has, or its consumer is new and the index is not.

        The consumer's own position does not tell: the broker moves it along with what is deleted.
        """
        try:
            await js.consumer_info(NEWS, self._options.name)
            return self._folder.position + 1 < (await js.stream_info(NEWS)).state.first_seq
        except NotFoundError:
            return True

    async def _rebuild_patiently(self, js: JetStreamContext) -> None:
        while True:
            try:
                await self._rebuild.run(js, self._stored)
            except (Unavailable, PyMongoError, NatsError, TimeoutError) as outage:
                log.warning("the index is not rebuilt yet: %s", str(outage)[:300] or type(outage).__name__)
                await asyncio.sleep(_TRIES_EVERY)
            else:
                self._complete = True
                return

    def _stored(self) -> Iterator[ArticleExtracted]:
        with _database(self._settings) as database:
            yield from every_article(database)

    async def _state(self) -> dict[str, Any]:
        state = await asyncio.to_thread(self.engine.state)
        return {**vars(state), "complete": self._complete, "folder": str(self._options.folder)}

    async def _reindex(self, js: JetStreamContext) -> dict[str, Any]:
        if self.engine.rebuilding:
            return {"error": "the index is being rebuilt already"}
        self._rebuilding = asyncio.create_task(self._rebuild_patiently(js))
        return {"started": True}

    async def _check(self) -> dict[str, Any]:
        """Compare with MongoDB, again for as long as changes are under way: the store may be ahead, or this index."""
        found = await self._difference()
        for _ in range(_CHECKS):
            if found.equal:
                break
            await asyncio.sleep(1)
            found = await self._difference()
        return found.as_json()

    async def _difference(self) -> Difference:
        def compared() -> Difference:
            with _database(self._settings) as database:
                return difference(current_versions(database), self.engine.generation.versions())

        return await asyncio.to_thread(compared)


@contextmanager
def _database(settings: Settings) -> Iterator[Documents]:
    with usable():
        client = MongoClient[dict[str, object]](
            settings.mongo_url, appname="wireroom-desk", tz_aware=True, serverSelectionTimeoutMS=_MONGO_PATIENCE_MS
        )
        database = client[settings.mongo_database]
    with client:
        yield database
