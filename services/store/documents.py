"""Documents of messages, what a message means for the stored version, and the operation that writes it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

import bson
from bson.errors import BSONError
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from shared.broker.withdrawals import Withdrawn
from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, Entity, Outcome

Document = dict[str, Any]
Operation = InsertOne[Any] | ReplaceOne[Any] | UpdateOne

MAX_BYTES = 15 * 1024 * 1024  # the server takes 16 MiB; the rest is room for what it adds to a write
SUMMARY_CHARACTERS = 400  # an index over the full text was measured 80 times slower to write than one over this
HISTORY_DIGITS = 16  # of the content hash, in the ids of the history
IDENTIFIER = "ID"  # stands in entity_keys where a name has its label
_MAX_DETAIL = 200
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


class Step(Enum):
    """What has to be done for a message, given what is stored."""

    INSERT = auto()
    REPEAT = auto()  # delivered before, perhaps not announced
    RENEW = auto()  # the same version, extracted anew by a newer pipeline
    ADVANCE = auto()  # newer with the same content: only the version moves, so that nothing older gets past it
    REPLACE = auto()
    SKIP = auto()  # not newer, with the same content
    TO_HISTORY = auto()  # not newer, with other content: history


def step(article: ArticleExtracted, stored: Mapping[str, Any] | None) -> Step:
    """Compare with the stored version and content; the answer never moves an article backwards."""
    if stored is None:
        return Step.INSERT
    newer = _order(dict(article)) > _order(stored)
    if article.content_hash != stored["content_hash"]:
        return Step.REPLACE if newer else Step.TO_HISTORY
    if article.version == stored["version"] and age(article.pipeline.model_dump()) > age(stored["pipeline"]):
        return Step.RENEW
    if newer:
        return Step.ADVANCE
    return Step.REPEAT if article.version == stored["content_version"] else Step.SKIP


def _order(version: Mapping[str, Any]) -> tuple[int, datetime, str]:
    """Return what orders the versions of one article.

    A broker restored from an older state gives numbers a second time. Then the later reception wins, and what decides
    between two of the same millisecond only has to be the same for every replica.
    """
    return version["version"], stored_time(version["received_at"]), version["content_hash"]


def stored_time(moment: datetime) -> datetime:
    """Return a time as the database keeps it: to the millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def age(pipeline: Mapping[str, Any]) -> tuple[tuple[list[int], str], ...]:
    """Return what orders pipelines from old to new, whichever results come first: rules, then release, then model."""
    return tuple(version_key(pipeline[name] or "") for name in ("rules", "wireroom", "model"))


def version_key(version: str) -> tuple[list[int], str]:
    """Return what orders versions by their numbers: 9 before 10."""
    return [int(number) for number in re.findall(r"[0-9]{1,18}", version)], version


def document(article: ArticleExtracted) -> Document:
    """Return the document of `articles`: the message's own fields and what the indexes need."""
    return {
        "_id": article.id,
        **article.model_dump(exclude={"id"}),
        "version": Int64(article.version),  # always 64 bits, whatever the number: its type must not change as it grows
        "content_version": Int64(article.version),  # the first with this content: equal ones move `version` alone
        "entity_keys": entity_keys(article.entities),
        "summary": article.text[:SUMMARY_CHARACTERS],
    }


def history_document(article: ArticleExtracted) -> Document:
    """Return the document of `article_versions`: the same, under an id of its own for each version and content."""
    digest = article.content_hash[:HISTORY_DIGITS]
    return document(article) | {"_id": f"{article.id}:{article.version}:{digest}", "article_id": article.id}


def entity_keys(entities: tuple[Entity, ...]) -> list[str]:
    """Return `LABEL:casefolded name` of every name, alias and identifier, each once: what queries by entity look up."""
    names = [(entity.label, name) for entity in entities for name in (entity.name, *entity.aliases)]
    names += [(IDENTIFIER, entity.identifier) for entity in entities if entity.identifier]
    return list(dict.fromkeys(f"{label}:{name.casefold()}" for label, name in names))


def encode(content: Document) -> RawBSONDocument:
    """Encode one document alone, because a single bad one fails a whole batch; raises Rejected."""
    try:
        raw = bson.encode(content)
    except (BSONError, UnicodeError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise not_storable(f"{type(error).__name__}: {error}") from error
    if len(raw) > MAX_BYTES:
        raise not_storable(f"a document of {len(raw)} bytes, at most {MAX_BYTES} are stored")
    return RawBSONDocument(raw)


def not_storable(detail: str) -> Rejected:
    """Return the rejection with a detail short enough for a table; the database's own can hold the whole document."""
    return Rejected(Reason.NOT_STORABLE, detail[:_MAX_DETAIL])


@dataclass(eq=False)
class Write:
    article: ArticleExtracted
    encoded: RawBSONDocument
    outcome: Outcome | Rejected | Withdrawn | None = None


def prepare(article: ArticleExtracted) -> Write | Rejected:
    try:
        return Write(article, encode(document(article)))
    except Rejected as rejection:
        return rejection


def next_of_each(writes: Iterable[Write]) -> dict[str, Write]:
    """Return the oldest unanswered version of each article: several in one batch are as several batches."""
    turn: dict[str, Write] = {}
    for write in writes:
        article = write.article
        if write.outcome is None and (article.id not in turn or article.version < turn[article.id].article.version):
            turn[article.id] = write
    return turn


def set_outcome(writes: Iterable[Write], outcome: Outcome) -> None:
    for write in writes:
        write.outcome = write.outcome or outcome


def outcome_of(write: Write | Rejected) -> Outcome | Rejected | Withdrawn:
    if isinstance(write, Rejected):
        return write
    if write.outcome is None:
        raise RuntimeError(f"article {write.article.id}: version {write.article.version} lost every race to be stored")
    return write.outcome


def insert(write: Write) -> Operation:
    return InsertOne(write.encoded)


def insert_version(write: Write) -> Operation:
    return InsertOne(RawBSONDocument(bson.encode(history_document(write.article))))


def advance_version(write: Write) -> Operation:
    article = write.article
    version, received = Int64(article.version), stored_time(article.received_at)
    older = [{"version": {"$lt": version}}, {"version": version, "received_at": {"$lt": received}}]
    guard = {"_id": article.id, "content_hash": article.content_hash, "$or": older}
    return UpdateOne(guard, {"$set": {"version": version, "received_at": received}})


def state_of(article: ArticleExtracted) -> tuple[str, int, str]:
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
        return _existing_keys(error, writes)
    return set()


def _existing_keys(error: BulkWriteError, writes: list[Write]) -> set[Write]:
    failures = error.details["writeErrors"]
    if error.details["writeConcernErrors"] or any(f["code"] not in _NEVER | {_DUPLICATE_KEY} for f in failures):
        raise error
    existing = set()
    for failure in failures:
        write = writes[failure["index"]]
        if failure["code"] == _DUPLICATE_KEY:
            existing.add(write)
        else:
            write.outcome = not_storable(f"MongoDB error {failure['code']}: {failure['errmsg']}")
    return existing
