"""Queries of the stored articles, their versions and withdrawals, as commands ask them (synchronous client)."""

import heapq
import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pymongo import DESCENDING
from pymongo.database import Database
from pymongo.errors import OperationFailure

from services.store.schema import ACCEPTED_LOSSES, ARTICLES, VERSIONS, WITHDRAWN
from shared.broker.accounting import Gap
from shared.broker.withdrawals import Tombstone
from shared.messages import ArticleExtracted

log = logging.getLogger(__name__)

Documents = Database[dict[str, Any]]
Article = Mapping[str, Any]

_INDEX_NOT_FOUND = 27
_PIPELINE = dict.fromkeys(("version", "pipeline", "language", "source", "entities_status"), 1)


@dataclass(frozen=True)
class Filters:
    """What articles have to be. An entity is ``LABEL:name`` or a name alone; ``since`` and ``until`` are of `dated`."""

    source: str | None = None
    language: str | None = None
    entity: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def dated(article: Article) -> datetime:
    """Return when an article was published, or received where it does not tell: the date that lists show."""
    date: datetime = article.get("published_at") or article["received_at"]
    return date


def newest(database: Documents) -> Article | None:
    """Return the article that was received last."""
    return database[ARTICLES].find_one(sort=[("received_at", DESCENDING)])


def with_id_prefix(database: Documents, prefix: str, limit: int) -> list[Article]:
    """Return at most ``limit`` articles whose id begins so."""
    return list(database[ARTICLES].find({"_id": {"$regex": f"^{prefix}"}}).limit(limit))


def with_guid(database: Documents, guid: str, limit: int) -> list[Article]:
    """Return at most ``limit`` articles with this guid, which several sources may use."""
    return list(database[ARTICLES].find({"guid": guid}).limit(limit))


def with_link_like(database: Documents, pattern: str) -> Iterator[Article]:
    """Yield id and link of the articles whose link, as it came, matches a regular expression."""
    yield from database[ARTICLES].find({"url": {"$regex": pattern}}, {"url": 1})


def withdrawn(database: Documents, hashes: Collection[str], id_prefix: str | None) -> Mapping[str, Any] | None:
    """Return the withdrawal of an article by hashes of its names, or by the beginning of its id."""
    either: list[dict[str, Any]] = [{"names": {"$in": list(hashes)}}]
    if id_prefix:
        either.append({"_id": {"$regex": f"^{id_prefix}"}})
    return database[WITHDRAWN].find_one({"$or": either})


def versions(database: Documents, article: Article) -> list[Article]:
    """Return every kept version, the oldest first; an article that never changed has one."""
    found = [*database[VERSIONS].find({"article_id": article["_id"]}), article]
    # a broker that was restored may have given a number to two contents, the later received one being the newer
    each = {(version["version"], version["received_at"], version["content_hash"]): version for version in found}
    return [version for _, version in sorted(each.items())]


def counts(database: Documents) -> dict[str, Any]:
    """Return how many articles and older versions there are, and by language those that no model reads."""
    estimates = {name: database[name].estimated_document_count() for name in (ARTICLES, VERSIONS)}
    return {**estimates, "no_model": without_model(database)}


def without_model(database: Documents) -> dict[str, int]:
    """Return how many articles of which language have no entities for want of a model, most first; by an index."""
    counted = database[ARTICLES].aggregate([{"$match": {"entities_status": "no_model"}}, {"$sortByCount": "$language"}])
    return {group["_id"]: group["count"] for group in counted}


def of_source(database: Documents, source: str, fields: Sequence[str]) -> list[Article]:
    """Return these fields of all articles of a source."""
    return list(database[ARTICLES].find({"source": source}, list(fields)))


def with_ids(database: Documents, ids: Collection[str], fields: Sequence[str]) -> list[Article]:
    """Return these fields of the articles with these ids, those that are there."""
    return list(database[ARTICLES].find({"_id": {"$in": list(ids)}}, list(fields)))


def count_with_ids(database: Documents, ids: Collection[str]) -> int:
    """Return how many of these articles are stored."""
    return database[ARTICLES].count_documents({"_id": {"$in": list(ids)}})


def older_versions(database: Documents, ids: Collection[str]) -> dict[str, set[int]]:
    """Return by article the numbers of its older versions that are kept."""
    history = defaultdict[str, set[int]](set)
    wanted = {"article_id": {"$in": list(ids)}}
    for found in database[VERSIONS].find(wanted, {"article_id": 1, "version": 1}):
        history[found["article_id"]].add(int(found["version"]))
    return history


def made_by(database: Documents) -> Iterator[Article]:
    """Yield of every article its version, language and source, and the pipeline that made it."""
    yield from database[ARTICLES].find({}, _PIPELINE)


def every_article(database: Documents) -> Iterator[ArticleExtracted]:
    """Yield the newest version of every article as the message it was; one that is no longer valid is left out."""
    for found in database[ARTICLES].find(batch_size=1000):
        try:
            article = ArticleExtracted.model_validate({"id": found["_id"], **found})
        except ValidationError as error:
            log.warning("article %s in MongoDB is not valid: %s", found["_id"], error.errors(include_input=False)[0])
        else:
            yield article


def current_versions(database: Documents) -> dict[str, int]:
    """Return the version of every stored article by its id."""
    return {found["_id"]: found["version"] for found in database[ARTICLES].find({}, {"version": 1})}


def number_behind(database: Documents, last: int) -> int | None:
    """Return the highest stored version if INBOX, which gives them, has not come so far."""
    highest = database[ARTICLES].find_one({}, {"version": 1}, sort=[("version", DESCENDING)])
    return highest["version"] if highest and highest["version"] > last else None


def stored_places(database: Documents, gaps: Iterable[Gap]) -> frozenset[int]:
    """Return the places of gaps that the database has: of an article, of its content, or of an older version."""
    found = set[int]()
    for gap in gaps:
        within = {"$gte": gap.first, "$lt": gap.next}
        either = {"$or": [{"version": within}, {"content_version": within}]}
        for collection in (ARTICLES, VERSIONS):
            for document in database[collection].find(either, {"version": 1, "content_version": 1}):
                found |= {document["version"], document["content_version"]}
    return frozenset(found)


def note_withdrawals(database: Documents, stones: Iterable[Tombstone]) -> None:
    """Remember withdrawals with hashes of the names; store sets its own from the event, which tells no names."""
    for stone in stones:
        document = {"source": stone.source, "reason": stone.reason, "withdrawn_at": stone.at}
        change = {"$setOnInsert": document, "$addToSet": {"names": {"$each": list(stone.names)}}}
        database[WITHDRAWN].update_one({"_id": stone.id}, change, upsert=True)


def forget_withdrawals(database: Documents, ids: Iterable[str]) -> None:
    """Forget that articles were withdrawn, once their withdrawal is lifted."""
    database[WITHDRAWN].delete_many({"_id": {"$in": list(ids)}})


@dataclass(frozen=True)
class AcceptedLoss:
    """What a person has said to be lost: places in INBOX, ids of articles, why, and who said so and when."""

    places: frozenset[int]
    articles: frozenset[str]
    reason: str
    by: str
    at: datetime


def accept_loss(database: Documents, places: Collection[int], articles: Collection[str], reason: str, by: str) -> None:
    """Note that these are lost, so that an audit counts them as that and no longer as missing."""
    database[ACCEPTED_LOSSES].insert_one({
        "places": _ranges(places),
        "articles": sorted(articles),
        "reason": reason,
        "by": by,
        "at": datetime.now(UTC),
    })  # fmt: skip


def _ranges(places: Collection[int]) -> list[list[int]]:
    """Return numbers as pairs of first and last: a loss is seldom of single ones, and a document has 16 MB."""
    ranges: list[list[int]] = []
    for place in sorted(places):
        if ranges and place == ranges[-1][1] + 1:
            ranges[-1][1] = place
        else:
            ranges.append([place, place])
    return ranges


def accepted_losses(database: Documents) -> list[AcceptedLoss]:
    """Return every accepted loss, the oldest first."""
    return [
        AcceptedLoss(
            frozenset(place for first, last in found["places"] for place in range(first, last + 1)),
            frozenset(found["articles"]),
            found["reason"],
            found["by"],
            found["at"],
        )
        for found in database[ACCEPTED_LOSSES].find(sort=[("at", 1)])
    ]


def most_named(database: Documents, limit: int) -> list[Mapping[str, Any]]:
    """Return the entities with the most mentions: ``_id`` is the name, with its most frequent label."""
    sums = {"mentions": {"$sum": "$entities.count"}, "articles": {"$sum": 1}}
    again = {name: {"$sum": f"${name}"} for name in sums}
    steps: list[dict[str, Any]] = [
        {"$unwind": "$entities"},
        {"$group": {"_id": {"name": "$entities.name", "label": "$entities.label"}, **sums}},
        {"$sort": {"mentions": -1, "_id.label": 1}},
        {"$group": {"_id": "$_id.name", "label": {"$first": "$_id.label"}, **again}},
        {"$sort": {"mentions": -1, "_id": 1}},
        {"$limit": limit},
    ]
    return list(database[ARTICLES].aggregate(steps))


def search(database: Documents, words: str, filters: Filters, limit: int, skip: int = 0) -> list[Article]:
    """Return matching articles: the best first where words are given, else the newest first, by `dated`."""
    if not words:
        return list(islice(_by_date(database, filters, limit + skip), skip, None))
    query, score = _query(filters, words), {"$meta": "textScore"}
    order: Any = [("score", score), ("_id", 1)]
    try:
        return list(database[ARTICLES].find(query, {"score": score}).sort(order).skip(skip).limit(limit))
    except OperationFailure as error:
        if not _no_index_yet(database, error):
            raise
        return []


def every(database: Documents, words: str, filters: Filters, fields: Sequence[str]) -> Iterator[Article]:
    """Yield these fields of all matching articles as they are read: the newest first, with words in any order."""
    if not words:
        yield from _by_date(database, filters, 0, fields)
        return
    try:
        yield from database[ARTICLES].find(_query(filters, words), list(fields))
    except OperationFailure as error:
        if not _no_index_yet(database, error):
            raise


def count(database: Documents, words: str, filters: Filters) -> int:
    """Return how many articles match."""
    try:
        return database[ARTICLES].count_documents(_query(filters, words))
    except OperationFailure as error:
        if not _no_index_yet(database, error):
            raise
        return 0


def _no_index_yet(database: Documents, error: OperationFailure) -> bool:
    """Tell whether the index is lacking only because no store has run yet, which makes it."""
    return error.code == _INDEX_NOT_FOUND and not database[ARTICLES].estimated_document_count()


def _by_date(
    database: Documents, filters: Filters, limit: int, fields: Sequence[str] | None = None
) -> Iterator[Article]:
    """Merge two sorted reads, each by an index: of articles with a date of publication, and of those without.

    A limit of 0 is none.
    """
    found = (
        database[ARTICLES].find(_base(filters) | condition, fields).sort(field, DESCENDING).limit(limit)
        for field, condition in _date_conditions(filters)
    )
    merged = heapq.merge(*found, key=dated, reverse=True)
    return islice(merged, limit or None)


def _date_conditions(filters: Filters) -> tuple[tuple[str, dict[str, Any]], ...]:
    bounds = {"$gte": filters.since, "$lt": filters.until}
    within = {sign: moment for sign, moment in bounds.items() if moment}
    received: dict[str, Any] = {"published_at": None} | ({"received_at": within} if within else {})
    return ("published_at", {"published_at": within or {"$ne": None}}), ("received_at", received)


def _query(filters: Filters, words: str) -> dict[str, Any]:
    query = _base(filters)
    if words:
        query["$text"] = {"$search": words}
    if filters.since or filters.until:
        query["$or"] = [condition for _, condition in _date_conditions(filters)]
    return query


def _base(filters: Filters) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if filters.source:
        query["source"] = filters.source
    if filters.language:
        query["language"] = filters.language
    if filters.entity:
        query["entity_keys"] = _key(filters.entity)
    return query


def _key(entity: str) -> str | dict[str, str]:
    label, colon, name = entity.partition(":")
    if colon and label.isupper():
        return f"{label}:{name.casefold()}"
    return {"$regex": f"^[A-Z_]+:{re.escape(entity.casefold())}$"}
