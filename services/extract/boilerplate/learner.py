"""One process's part in the learning: it keeps what all have learned at hand, and adds what it sees every few seconds.

Articles never wait for it. Without the broker or the bucket it goes on with what it knows.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from services.extract.boilerplate import shared_table
from services.extract.boilerplate.line_table import learn
from services.extract.boilerplate.sightings import Sighting
from services.extract.clean.rules.line_facts import LearnedBoilerplate
from shared.broker.nats_address import servers
from shared.broker.nats_client import Client, options_of
from shared.errors import Unavailable

log = logging.getLogger(__name__)

_PAUSE = 5.0  # seconds between two rounds of writing
_SOURCES = 50  # written in one round, those with most to count first: each costs some 3 ms of the event loop
_ENOUGH = 200  # articles that are counted without waiting for the next round
_PATIENCE = 2.0  # seconds a starting service waits for what was learned before it, and a stopping one to write
_MAX_WAITING = 1000  # articles not counted yet; more of them, while the broker is unavailable, are not learned from
_UNAVAILABLE = (NatsError, OSError, TimeoutError, Unavailable)


class Learner:
    """Not for several threads: everything happens in the service's event loop."""

    def __init__(self, url: str, *, pause: float = _PAUSE, patience: float = _PATIENCE) -> None:
        self._url, self._pause, self._patience = url, pause, patience
        self._known: dict[str, LearnedBoilerplate] = {}
        self._waiting: dict[str, list[Sighting]] = {}
        self._loaded, self._enough = asyncio.Event(), asyncio.Event()
        self._away = False

    def known(self, source: str) -> LearnedBoilerplate:
        """Return what is known of a source now: a plain value that may be handed to another process."""
        return self._known.get(source, {})

    def note(self, source: str, seen: Sighting) -> None:
        """Count an article of the source soon."""
        waiting = sum(map(len, self._waiting.values()))
        if waiting < _MAX_WAITING:
            self._waiting.setdefault(source, []).append(seen)
        if waiting >= _ENOUGH:
            self._enough.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Learner"]:
        """Learn while the block runs; what was learned before is there when it begins, if the broker is."""
        task = asyncio.create_task(self._run())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._loaded.wait(), self._patience)
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        connection = Client()
        try:
            await self._connect(connection)
            while True:
                await self._round(connection)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), self._pause)
                if self._away:
                    await asyncio.sleep(self._pause)
                self._enough.clear()
        finally:
            with suppress(*_UNAVAILABLE):
                await asyncio.wait_for(self._finish(connection), self._patience)

    async def _connect(self, connection: Client) -> None:
        async def quiet(_: Exception) -> None:
            """The service's own connection tells of the broker's absence."""

        async def reconnected() -> None:
            self._loaded.clear()  # what others wrote meanwhile was not heard

        await connection.connect(
            servers(self._url),
            **options_of(self._url),
            name="wireroom-extract-learning",
            max_reconnect_attempts=-1,
            error_cb=quiet,
            reconnected_cb=reconnected,
        )
        await connection.subscribe(shared_table.TABLES.subjects, cb=self._hear)

    async def _round(self, connection: Client) -> None:
        try:
            if not self._loaded.is_set():
                async for source, table in shared_table.tables(connection.jetstream(timeout=5)):
                    self._known[source] = table.boilerplate()
                self._loaded.set()
            await self._write(connection)
            self._away = False
        except _UNAVAILABLE as error:
            if not self._away:
                cause = str(error) or type(error).__name__
                log.warning("learning waits, cleaning goes on with what it knows: %s", cause)
            self._away = True

    async def _write(self, connection: Client, most: int = _SOURCES) -> None:
        waiting = sorted(self._waiting.items(), key=lambda entry: -len(entry[1]))
        for source, seen in waiting[:most]:
            edit = partial(learn, sightings=tuple(seen), now=datetime.now(UTC))
            table = await shared_table.change(connection.jetstream(timeout=5), source, edit)
            self._known[source] = table.boilerplate()
            del self._waiting[source][: len(seen)]
            if not self._waiting[source]:
                del self._waiting[source]

    async def _finish(self, connection: Client) -> None:
        if connection.is_connected:
            await self._write(connection, len(self._waiting))
        await connection.close()

    async def _hear(self, message: Msg) -> None:
        if found := shared_table.parse(message):
            source, table = found
            self._known[source] = table.boilerplate()
