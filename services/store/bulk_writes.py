"""Writes on their way: one operation for each message, and what became of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import bson
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from services.store.documents import Document, document, encode, history_document, not_storable, stored_time
from shared.broker.withdrawals import Withdrawn
from shared.errors import Rejected
from shared.messages import ArticleExtracted, Outcome

Operation = InsertOne[Any] | ReplaceOne[Any] | UpdateOne

_DUPLICATE_KEY = 11000
_NEVER = {  # the same document meets the same error for ever
    2,  # bad value
    9,  # failed to parse
    14,  # type mismatch
    15,  # nested too deeply
    17,  # too large, as older servers say it
    53,  # the _id has a type that none may have
    121,  # refused by the validator
    171,  # two arrays under one index
    10334,  # too large
    17261,  # text index: language override is no string
    17262,  # text index: unknown language
    17280,  # key too long for an index
    17419,  # grown too large by an update
}


@dataclass(eq=False)
class Write:
    article: ArticleExtracted
    encoded: RawBSONDocument
    answer: Outcome | Rejected | Withdrawn | None = None


def prepare(article: ArticleExtracted) -> Write | Rejected:
    try:
        return Write(article, encode(document(article)))
    except Rejected as verdict:
        return verdict


def next_of_each(writes: Iterable[Write]) -> dict[str, Write]:
    """Return the oldest unanswered version of each article: several in one batch are as several batches."""
    turn: dict[str, Write] = {}
    for write in writes:
        article = write.article
        if write.answer is None and (article.id not in turn or article.version < turn[article.id].article.version):
            turn[article.id] = write
    return turn


def settle(writes: Iterable[Write], outcome: Outcome) -> None:
    for write in writes:
        write.answer = write.answer or outcome


def answer(write: Write | Rejected) -> Outcome | Rejected | Withdrawn:
    if isinstance(write, Rejected):
        return write
    if write.answer is None:
        raise RuntimeError(f"article {write.article.id}: version {write.article.version} lost every race to be stored")
    return write.answer


def insert(write: Write) -> Operation:
    return InsertOne(write.encoded)


def insert_version(write: Write) -> Operation:
    return InsertOne(RawBSONDocument(bson.encode(history_document(write.article))))


def touch(write: Write) -> Operation:
    article = write.article
    version, received = Int64(article.version), stored_time(article.received_at)
    older = [{"version": {"$lt": version}}, {"version": version, "received_at": {"$lt": received}}]
    guard = {"_id": article.id, "content_hash": article.content_hash, "$or": older}
    return UpdateOne(guard, {"$set": {"version": version, "received_at": received}})


def place(article: ArticleExtracted) -> tuple[str, int, str]:
    """Return what tells this state of an article from every other one."""
    return article.id, article.version, article.content_hash


def replace(write: Write) -> Operation:
    """Replace what is older: by its number or, where a restored broker gave that again, as `step` orders the two."""
    article = write.article
    version, received = Int64(article.version), stored_time(article.received_at)
    older: list[dict[str, Any]] = [
        {"version": {"$lt": version}},
        {"version": version, "received_at": {"$lt": received}, "content_hash": {"$ne": article.content_hash}},
        {"version": version, "received_at": received, "content_hash": {"$lt": article.content_hash}},
    ]
    return ReplaceOne({"_id": article.id, "$or": older}, write.encoded)


def renew(write: Write, known: Mapping[str, Any]) -> Operation:
    """Replace what an older pipeline made, if it is still the one that was read."""
    article = write.article
    guard = {"_id": article.id, "version": Int64(article.version), "content_hash": article.content_hash}
    return ReplaceOne(guard | {f"pipeline.{name}": value for name, value in known.items()}, write.encoded)


def renew_version(write: Write) -> Operation:
    """Replace the copy that the history has of this version, if it has one."""
    content = history_document(write.article)
    return ReplaceOne({"_id": content["_id"]}, RawBSONDocument(bson.encode(content)))


async def bulk(
    collection: AsyncCollection[Document], writes: list[Write], operation: Callable[[Write], Operation]
) -> set[Write]:
    """Send one operation for each write; return those whose key existed, answer those that can never be stored."""
    if not writes:
        return set()
    try:
        await collection.bulk_write([operation(write) for write in writes], ordered=False)
    except BulkWriteError as error:
        return _sort_out(error, writes)
    return set()


def _sort_out(error: BulkWriteError, writes: list[Write]) -> set[Write]:
    failures = error.details["writeErrors"]
    if error.details["writeConcernErrors"] or any(f["code"] not in _NEVER | {_DUPLICATE_KEY} for f in failures):
        raise error
    existing = set()
    for failure in failures:
        write = writes[failure["index"]]
        if failure["code"] == _DUPLICATE_KEY:
            existing.add(write)
        else:
            write.answer = not_storable(f"MongoDB error {failure['code']}: {failure['errmsg']}")
    return existing
