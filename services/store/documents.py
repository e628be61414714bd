"""Messages to documents, and what a message means for the version that is already stored. No database here."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Any

import bson
from bson.errors import BSONError
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, Entity

Document = dict[str, Any]

MAX_BYTES = 15 * 1024 * 1024  # the server takes 16 MiB; the rest is room for what it adds to a write
SUMMARY_CHARACTERS = 400  # an index over the full text was measured 80 times slower to write than one over this
HISTORY_DIGITS = 16  # of the content hash, in the ids of the history
IDENTIFIER = "ID"  # stands in entity_keys where a name has its label
_MAX_DETAIL = 200


class Step(Enum):
    """What has to be done for a message, given what is stored."""

    INSERT = auto()
    REPEAT = auto()  # delivered before, perhaps not announced
    RENEW = auto()  # the same version, extracted anew by a newer pipeline
    TOUCH = auto()  # newer with the same content: only the version moves, so that nothing older gets past it
    REPLACE = auto()
    SKIP = auto()  # not newer, with the same content
    KEEP = auto()  # not newer, with other content: history


def step(article: ArticleExtracted, stored: Mapping[str, Any] | None) -> Step:
    """Compare with the stored version and content; the answer never moves an article backwards."""
    if stored is None:
        return Step.INSERT
    newer = _order(dict(article)) > _order(stored)
    if article.content_hash != stored["content_hash"]:
        return Step.REPLACE if newer else Step.KEEP
    if article.version == stored["version"] and age(article.pipeline.model_dump()) > age(stored["pipeline"]):
        return Step.RENEW
    if newer:
        return Step.TOUCH
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
    """Return the verdict with a detail short enough for a table; the database's own can hold the whole document."""
    return Rejected(Reason.NOT_STORABLE, detail[:_MAX_DETAIL])
