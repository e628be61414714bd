"""Builds the index anew from MongoDB and NEWS while the old one answers, then swaps them.

MongoDB has what the store has acknowledged. What came later is read from NEWS: from the first message that the store
had not answered when the reading of MongoDB began, up to the last one that the index has, with writing held meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.desk.index.engine import TantivyEngine
from services.desk.index.generation import Change, Generation
from services.desk.index.index_folder import IndexFolder
from shared.broker.envelope import accepted
from shared.broker.stream_reader import all_of
from shared.broker.withdrawals import Withdrawals, withdrawal
from shared.decoding import decode
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleWithdrawn
from shared.topology import NEWS, STORE, Consumer

log = logging.getLogger(__name__)

_BATCH = 1000
_EVERY = "news.v1.>"  # of one subscription; what is no change of an article is skipped

Read = Callable[[], Iterator[ArticleExtracted]]  # every article that MongoDB has


class Rebuild:
    """One at a time; ``writing`` is held while changes are applied, and by the swap."""

    def __init__(
        self,
        folder: IndexFolder,
        engine: TantivyEngine,
        reads: Consumer,
        writing: asyncio.Lock,
        withdrawals: Withdrawals,
    ) -> None:
        self._folder, self._engine, self._reads = folder, engine, reads
        self._writing, self._withdrawals = writing, withdrawals

    async def run(self, js: JetStreamContext, read: Read) -> int:
        """Build and swap; return how many articles MongoDB had. Raises what the broker and the database raise."""
        if self._engine.rebuilding:
            raise RuntimeError("the index is being rebuilt already")
        self._engine.rebuilding = True
        began = time.monotonic()
        fresh: Generation | None = None
        try:
            after = await answered_by_store(js)
            fresh = await asyncio.to_thread(self._folder.create)
            count = await asyncio.to_thread(_load, fresh, self._engine.generation, read)
            after = await self._replay(js, fresh, after)
            async with self._writing:
                await self._replay(js, fresh, after)
                before = self._engine.swap(fresh)
                await asyncio.to_thread(self._folder.install, fresh)
            fresh = None
            await asyncio.to_thread(before.close)
        finally:
            self._engine.rebuilding = False
            if fresh:
                await asyncio.to_thread(fresh.close)
        log.info("the index was rebuilt: %d articles of MongoDB in %.1f s", count, time.monotonic() - began)
        return count

    async def _replay(self, js: JetStreamContext, fresh: Generation, after: int) -> int:
        """Apply the messages of NEWS behind a sequence, and return the last one that was read."""
        batch: list[Change] = []
        async with aclosing(all_of(js, NEWS, _EVERY, first=after + 1)) as messages:
            async for message in messages:
                after = message.metadata.sequence.stream
                if change := self._change(message.subject, message.data, message.headers):
                    batch.append(change)
                if len(batch) >= _BATCH:
                    await asyncio.to_thread(fresh.apply, batch)
                    batch = []
        if batch:
            await asyncio.to_thread(fresh.apply, batch)
        return after

    def _change(self, subject: str, data: bytes, headers: dict[str, str] | None) -> Change | None:
        model = self._reads.model_of(subject)
        if not subject.startswith(model.subject_pattern.partition("{")[0]):
            return None
        try:
            message = decode(data, model, accepted(headers))
        except Rejected:
            return None  # its delivery is dead-lettered
        assert isinstance(message, ArticleExtracted | ArticleWithdrawn)  # noqa: S101 - what the consumer reads
        return seen(message, self._withdrawals)


def seen(change: Change, withdrawals: Withdrawals) -> Change:
    """Return a change, or the withdrawal of an article that was taken down meanwhile."""
    reason = withdrawals.reason(change.id)
    return withdrawal(change, reason) if reason and isinstance(change, ArticleExtracted) else change


async def answered_by_store(js: JetStreamContext) -> int:
    """Return the sequence up to which the store has acknowledged all of NEWS; 0 where it was never declared."""
    try:
        info = await js.consumer_info(STORE.stream, STORE.durable)
    except NotFoundError:
        return 0
    return info.ack_floor.stream_seq if info.ack_floor else 0


def _load(fresh: Generation, before: Generation, read: Read) -> int:
    count = fresh.load(read())
    fresh.add_tombstones(before.tombstones())
    return count
