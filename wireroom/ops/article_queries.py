"""Questions to the stored articles, as the commands ask them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pymongo import DESCENDING
from pymongo.database import Database
from pymongo.errors import OperationFailure

from services.ingest.identity import article_id, canonical_url
from services.store.documents import IDENTIFIER
from shared.errors import Rejected
from shared.messages import ArticleSubmitted
from wireroom.ops import tombstones
from wireroom.publisher.submissions import file_guid

Article = Mapping[str, Any]
_ID_PREFIX = re.compile(r"[0-9a-f]{4,32}$")
_INDEX_NOT_FOUND = 27
_NAMED = 5  # articles listed where a name means more than one


class NotFound(Exception):  # noqa: N818 - an answer
    """No article, or more than one, goes by this name; the message says which."""


@dataclass(frozen=True)
class Filters:
    """What articles have to be; an entity is ``LABEL:name`` or a name alone."""

    source: str | None = None
    language: str | None = None
    entity: str | None = None
    since: datetime | None = None


def newest(database: Database[dict[str, Any]]) -> Article:
    """Return the article that was received last."""
    found = database["articles"].find_one(sort=[("received_at", DESCENDING)])
    if found is None:
        raise NotFound("no article is stored yet. Publish one: `wireroom publish FILE`")
    return found


def one(database: Database[dict[str, Any]], name: str) -> Article:
    """Return the article with this id, start of an id, link, or file it was published from."""
    found: list[Article] = list(database["articles"].find(_names(name)).limit(_NAMED))
    if not found and "://" in name:  # an article with a guid is not named by its link, but people know it by that
        found = list(islice(_by_link(database, canonical_url(name)), _NAMED))
    withdrawn = {"$or": [_names(name), {"names": {"$in": tombstones.asked(name)}}]}
    if not found and (tombstone := database["withdrawn"].find_one(withdrawn)):
        since = tombstone["withdrawn_at"].isoformat(" ", "seconds")
        raise NotFound(f"article {tombstone['_id']} was withdrawn on {since}: {tombstone['reason']}")
    if not found:
        raise NotFound(f"no stored article goes by {name!r}. `wireroom search` lists them; `wireroom dead ls` the rest")
    if len(found) > 1:
        known = ", ".join(f"{article['_id']} of {article['source']}" for article in found)
        raise NotFound(f"{name!r} can mean {known}: give one of these ids")
    return found[0]


def _by_link(database: Database[dict[str, Any]], link: str) -> Iterator[Article]:
    """Yield the articles whose link, as it came, means this one: it may have trackers, or a host in capitals."""
    same_path = {"url": {"$regex": re.escape(urlsplit(link).path)}}
    for found in database["articles"].find(same_path, {"url": 1}):
        with suppress(Rejected):
            if canonical_url(found["url"]) == link and (article := database["articles"].find_one(found["_id"])):
                yield article


def _names(name: str) -> dict[str, Any]:
    if _ID_PREFIX.match(name):
        return {"_id": {"$regex": f"^{name}"}}
    if "://" in name:
        return {"_id": article_id(ArticleSubmitted(source="x", body="x", url=name))}
    if Path(name).exists():
        return {"guid": file_guid(name)}
    return {"guid": name}


def versions(database: Database[dict[str, Any]], article: Article) -> list[Article]:
    """Return every kept version, the oldest first; an article that never changed has one."""
    found = [*database["article_versions"].find({"article_id": article["_id"]}), article]
    # a broker that was restored may have given a number to two contents, the later received one being the newer
    each = {(version["version"], version["received_at"], version["content_hash"]): version for version in found}
    return [version for _, version in sorted(each.items())]


def without_model(database: Database[dict[str, Any]]) -> dict[str, int]:
    """Return how many articles of which language have no entities for want of a model, most first; by an index."""
    counted = database["articles"].aggregate(
        [{"$match": {"entities_status": "no_model"}}, {"$sortByCount": "$language"}]
    )
    return {group["_id"]: group["count"] for group in counted}


def search(database: Database[dict[str, Any]], words: str, filters: Filters, limit: int) -> Iterator[Article]:
    """Yield matching articles: the best first where words are given, else the newest first."""
    query = _query(filters)
    if not words:
        yield from database["articles"].find(query).sort("published_at", DESCENDING).limit(limit)
        return
    query["$text"] = {"$search": words}
    score: Any = {"$meta": "textScore"}
    try:
        yield from database["articles"].find(query, {"score": score}).sort([("score", score)]).limit(limit)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND or database["articles"].estimated_document_count():
            raise  # without articles it only means that no store has run yet: it makes the index


def _query(filters: Filters) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if filters.source:
        query["source"] = filters.source
    if filters.language:
        query["language"] = filters.language
    if filters.since:
        query["received_at"] = {"$gte": filters.since}
    if filters.entity:
        query["entity_keys"] = _key(filters.entity)
    return query


def _key(entity: str) -> str | dict[str, str]:
    label, colon, name = entity.partition(":")
    if colon and label.isupper():
        return f"{label}:{name.casefold()}"
    return {"$regex": f"^[A-Z_]+:{re.escape(entity.casefold())}$"}


def names_entity(entities: Iterable[Mapping[str, Any]], wanted: str) -> bool:
    """Whether one of the entities goes by ``LABEL:name``, or by the name or the identifier alone."""
    label, colon, name = wanted.partition(":")
    if not (colon and label.isupper()):
        label, name = "", wanted
    return any(
        (not label or known == label) and name.casefold() == form.casefold()
        for entity in entities
        for known, form in _names_of(entity)
    )


def _names_of(entity: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((entity["label"], form) for form in (entity["name"], *entity["aliases"]))
    if identifier := entity.get("identifier"):
        yield IDENTIFIER, identifier
