"""Articles in MongoDB: each version once, never backwards, and one bad document fails alone."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from services.store import schema
from services.store.documents import (
    HISTORY_DIGITS,
    Document,
    Operation,
    Step,
    Write,
    advance_version,
    bulk,
    insert,
    insert_version,
    next_of_each,
    outcome_of,
    prepare,
    renew,
    renew_version,
    replace,
    set_outcome,
    state_of,
    step,
)
from services.store.mongo_connection import connect, unavailable
from shared.broker.withdrawals import Withdrawn
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleWithdrawn, Outcome
from shared.runtime.worker_thread import off_loop

__all__ = ["Articles", "connect"]

_MENTION_BYTES = 100  # or of an entity without its mentions, or of a removed line
_STATE = dict.fromkeys(("version", "content_version", "content_hash", "received_at", "pipeline"), 1)
_RACES = 5  # rounds beyond those a batch needs; each is lost only to another replica that moved the article forward
_DIGEST = {"$substrBytes": ["$content_hash", 0, HISTORY_DIGITS]}
_COPY_TO_VERSIONS: list[Mapping[str, Any]] = [
    {"$set": {"article_id": "$_id", "_id": {"$concat": ["$_id", ":", {"$toString": "$version"}, ":", _DIGEST]}}},
    {"$merge": {"into": schema.VERSIONS, "on": "_id", "whenMatched": "keepExisting", "whenNotMatched": "insert"}},
]


class Articles:
    """The newest version of each article, and the history of those that were corrected."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database
        self._articles = database[schema.ARTICLES]
        self._versions = database[schema.VERSIONS]
        self._withdrawn = database[schema.WITHDRAWN]

    async def prepare(self) -> None:
        """Create collections, indexes and validators; again and from several replicas changes nothing."""
        with unavailable(self._database, starting=True):
            await schema.apply(self._database)

    async def write(self, batch: Sequence[ArticleExtracted]) -> list[Outcome | Rejected | Withdrawn]:
        """Return one answer for each article in the same order; what it answers is durable, in any order and twice.

        Raises Unavailable while MongoDB is unavailable; writing the same batch again then is safe.
        """
        prepared = await off_loop(sum(map(_size, batch)), lambda: [prepare(article) for article in batch])
        writes = [write for write in prepared if isinstance(write, Write)]
        with unavailable(self._database):
            await self._refuse_withdrawn(writes)
            await self._write(writes)
            if taken_down := await self._refuse_withdrawn(writes):  # withdrawn while it was written
                await self._delete(taken_down)
        return [outcome_of(write) for write in prepared]

    async def withdraw(self, event: ArticleWithdrawn) -> None:
        """Delete an article with its history for good; raises Unavailable.

        The tombstone is there before anything is deleted, and a writer looks for it after it wrote: whichever comes
        last in a race, the writer or this, deletes.
        """
        tombstone = {"source": event.source, "reason": event.reason, "withdrawn_at": datetime.now(UTC)}
        with unavailable(self._database):
            await self._withdrawn.update_one({"_id": event.id}, {"$setOnInsert": tombstone}, upsert=True)
            await self._delete([event.id])

    async def _refuse_withdrawn(self, writes: list[Write]) -> list[str]:
        """Answer the writes of withdrawn articles, whatever they were answered before; return these articles' ids."""
        ids = list({write.article.id for write in writes})
        reasons = {found["_id"]: found["reason"] async for found in self._withdrawn.find({"_id": {"$in": ids}})}
        for write in writes:
            if write.article.id in reasons:
                write.outcome = Withdrawn(reasons[write.article.id])
        return list(reasons)

    async def _delete(self, ids: list[str]) -> None:
        await self._articles.delete_many({"_id": {"$in": ids}})
        await self._versions.delete_many({"article_id": {"$in": ids}})

    async def _write(self, writes: list[Write]) -> None:
        deepest = max(Counter(write.article.id for write in writes).values(), default=0)
        for _ in range(deepest + _RACES):
            if not (turn := next_of_each(writes)):
                break
            await self._round(turn)

    async def _round(self, turn: dict[str, Write]) -> None:
        """Bring each article one message further; a write that lost a race stays unanswered for the next round."""
        cursor = self._articles.find({"_id": {"$in": list(turn)}}, _STATE)
        stored = {found["_id"]: found async for found in cursor}
        steps: defaultdict[Step, list[Write]] = defaultdict(list)
        for key, write in turn.items():
            steps[step(write.article, stored.get(key))].append(write)
        set_outcome(steps[Step.SKIP], "duplicate")
        await self._insert(steps[Step.INSERT])
        await self._repeat(steps[Step.REPEAT])
        await self._renew(steps[Step.RENEW], stored)
        await self._advance(steps[Step.ADVANCE], advance_version, "duplicate")
        await self._add_to_history(steps[Step.REPLACE] + steps[Step.TO_HISTORY])
        set_outcome(steps[Step.TO_HISTORY], "superseded")
        await self._advance(steps[Step.REPLACE], replace, "updated")

    async def _insert(self, writes: list[Write]) -> None:
        existing = await bulk(self._articles, writes, insert)
        set_outcome((write for write in writes if write not in existing), "inserted")

    async def _repeat(self, writes: list[Write]) -> None:
        """Answer a redelivery as the first delivery was answered: its announcement may have been lost in a crash."""
        if not writes:
            return
        ids = [write.article.id for write in writes]
        corrected = set(await self._versions.distinct("article_id", {"article_id": {"$in": ids}}))
        for write in writes:
            write.outcome = "updated" if write.article.id in corrected else "inserted"

    async def _renew(self, writes: list[Write], stored: Mapping[str, Mapping[str, Any]]) -> None:
        """Put what a newer pipeline made in the place of what an older one made: the same version, no new one."""
        if not writes:
            return
        known = {key: found["pipeline"] for key, found in stored.items()}
        await bulk(self._articles, writes, lambda write: renew(write, known[write.article.id]))
        await bulk(self._versions, writes, renew_version)
        cursor = self._articles.find({"_id": {"$in": [write.article.id for write in writes]}}, {"pipeline": 1})
        pipelines = {found["_id"]: found["pipeline"] async for found in cursor}
        ours = [write for write in writes if pipelines.get(write.article.id) == write.article.pipeline.model_dump()]
        set_outcome(ours, "updated")

    async def _add_to_history(self, writes: list[Write]) -> None:
        """Put the stored and the arriving version into the history: before a replacement, so that none is lost."""
        if not writes:
            return
        ids = [write.article.id for write in writes]
        cursor = await self._articles.aggregate([{"$match": {"_id": {"$in": ids}}}, *_COPY_TO_VERSIONS])
        await cursor.to_list()
        await bulk(self._versions, writes, insert_version)

    async def _advance(self, writes: list[Write], operation: Callable[[Write], Operation], outcome: Outcome) -> None:
        """Write under a guard; set the outcome of those then found stored: the server counts its writes, not which."""
        if not (writes := [write for write in writes if write.outcome is None]):
            return
        await bulk(self._articles, writes, operation)
        cursor = self._articles.find({"_id": {"$in": [write.article.id for write in writes]}}, _STATE)
        stored = {(found["_id"], found["version"], found["content_hash"]) async for found in cursor}
        set_outcome((write for write in writes if state_of(write.article) in stored), outcome)


def _size(article: ArticleExtracted) -> int:
    """Return about how many bytes a document takes, by what it may have most of."""
    named = sum(1 + len(entity.mentions) for entity in article.entities)
    return sum(map(len, article.paragraphs)) + _MENTION_BYTES * (named + len(article.removed))
