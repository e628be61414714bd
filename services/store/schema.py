"""Collections, indexes and validators: what the database itself holds to, whoever writes."""

from typing import Any

from pymongo import ASCENDING, DESCENDING, TEXT, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

ARTICLES = "articles"
VERSIONS = "article_versions"
WITHDRAWN = "withdrawn"  # tombstones: `_id` of the article, `source`, `reason`, `withdrawn_at`; nothing it said
ACCEPTED_LOSSES = "accepted_losses"  # what `wireroom audit --accept` notes: places, ids of articles, why, who, when

_NAMESPACE_EXISTS = 48

_TEXT = {"bsonType": "string"}
_DATE = {"bsonType": "date"}
_ANY_TEXT = {"bsonType": ["string", "null"]}
_ANY_DATE = {"bsonType": ["date", "null"]}
_OBJECTS = {"bsonType": "array", "items": {"bsonType": "object"}}
_TEXTS = {"bsonType": "array", "items": _TEXT}

_PROPERTIES: dict[str, Any] = {
    "_id": {"bsonType": "string", "pattern": "^[0-9a-f]{32}$"},
    "version": {"bsonType": "long", "minimum": 1},
    "content_version": {"bsonType": "long", "minimum": 1},
    "content_hash": {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"},
    "source": _TEXT,
    "received_at": _DATE,
    "url": _ANY_TEXT,
    "guid": _ANY_TEXT,
    "title": _ANY_TEXT,
    "byline": _ANY_TEXT,
    "agency": _ANY_TEXT,
    "dateline": _ANY_TEXT,
    "language": {"bsonType": "string", "pattern": "^[a-z]{2,3}$"},
    "language_confidence": {"bsonType": ["double", "null"], "minimum": 0, "maximum": 1},
    "published_at": _ANY_DATE,
    "updated_at": _ANY_DATE,
    "tags": _TEXTS,
    "paragraphs": _TEXTS,
    "captions": _OBJECTS,
    "removed": _OBJECTS,
    "entities": {
        "bsonType": "array",
        "items": {
            "bsonType": "object",
            "required": ["name", "label", "count"],
            "properties": {"name": _TEXT, "label": _TEXT, "count": {"bsonType": ["int", "long"], "minimum": 1}},
        },
    },
    "entity_keys": _TEXTS,
    "paragraph_lines": {"bsonType": "array", "items": {"bsonType": ["int", "long"]}},
    "dropped_entities": _OBJECTS,
    "dropped_entities_counts": _OBJECTS,
    "entities_status": {"enum": ["ok", "no_model"]},
    "pipeline": {"bsonType": "object", "required": ["wireroom", "rules"]},
    "summary": _TEXT,
}
# fixed: a field that joins later is absent from what is stored already, and that must stay writable
_REQUIRED = ["version", "content_hash", "source", "received_at", "language", "paragraphs", "entity_keys", "summary"]
_VERSION_PROPERTIES = _PROPERTIES | {
    "_id": {"bsonType": "string", "pattern": "^[0-9a-f]{32}:[0-9]+(:[0-9a-f]{16})?$"},
    "article_id": _PROPERTIES["_id"],
}

_ARTICLE_INDEXES = [
    IndexModel([("received_at", DESCENDING)], name="newest"),
    IndexModel([("published_at", DESCENDING)], name="latest"),
    IndexModel([("version", DESCENDING)], name="highest"),  # `wireroom setup` lets INBOX go on above it
    IndexModel([("source", ASCENDING), ("published_at", DESCENDING)], name="latest_of_source"),
    IndexModel([("entity_keys", ASCENDING), ("published_at", DESCENDING)], name="latest_of_entity"),
    IndexModel(  # partial and not sparse: a compound sparse index would hold every document for its source
        [("guid", ASCENDING), ("source", ASCENDING)], name="guid", partialFilterExpression={"guid": {"$gt": ""}}
    ),
    IndexModel(  # counted by `wireroom status`
        [("language", ASCENDING)], name="no_model", partialFilterExpression={"entities_status": "no_model"}
    ),
    IndexModel(  # the override names a field that no document has: `language` holds values that the server refuses
        [("title", TEXT), ("summary", TEXT)], name="words", default_language="none", language_override="text_language"
    ),
]
_VERSION_INDEXES = [IndexModel([("article_id", ASCENDING), ("version", DESCENDING)], name="history")]


async def apply(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Create what is missing and renew the validators; every replica may do this at every start."""
    await _collection(database, ARTICLES, _PROPERTIES, _ARTICLE_INDEXES)
    await _collection(database, VERSIONS, _VERSION_PROPERTIES, _VERSION_INDEXES)


async def _collection(
    database: AsyncDatabase[dict[str, Any]], name: str, properties: dict[str, Any], indexes: list[IndexModel]
) -> None:
    try:
        await database.create_collection(name, check_exists=False)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
    # fields that are not named stay allowed: within v1 messages may grow
    validator = {"$jsonSchema": {"bsonType": "object", "required": _REQUIRED, "properties": properties}}
    await database.command("collMod", name, validator=validator)
    await database[name].create_indexes(indexes)
