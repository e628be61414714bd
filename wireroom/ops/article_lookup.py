"""Finds stored articles, and entities, by the names that people type: id, start of an id, link, guid, file."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.ingest.canonical_url import canonical_url
from services.ingest.identity import article_id
from services.store import queries
from services.store.documents import IDENTIFIER
from services.store.queries import Article, Documents
from shared.errors import Rejected
from shared.messages import ArticleSubmitted
from wireroom.ops import tombstones
from wireroom.publisher.submissions import file_guid

_ID_PREFIX = re.compile(r"[0-9a-f]{4,32}$")
_ENCODED = re.compile(r"(?:%[0-9A-F]{2}|[^0-9A-Za-z%-])+")  # or special in a pattern
_NAMED = 5  # articles listed where a name means more than one


class NotFound(Exception):  # noqa: N818 - an answer
    """No article, or more than one, goes by this name; the message says which."""


def newest(database: Documents) -> Article:
    """Return the article that was received last; raises NotFound."""
    if (found := queries.newest(database)) is None:
        raise NotFound("no article is stored yet. Publish one: `wireroom publish FILE`")
    return found


def one(database: Documents, name: str) -> Article:
    """Return the article with this id, start of an id, link, or file it was published from; raises NotFound."""
    found = _named(database, name)
    if not found and (withdrawal := queries.withdrawn(database, tombstones.asked(name), _id_prefix(name))):
        since = withdrawal["withdrawn_at"].isoformat(" ", "seconds")
        raise NotFound(f"article {withdrawal['_id']} was withdrawn on {since}: {withdrawal['reason']}")
    if not found:
        raise NotFound(f"no stored article goes by {name!r}. `wireroom search` lists them; `wireroom dead ls` the rest")
    if len(found) > 1:
        known = ", ".join(f"{article['_id']} of {article['source']}" for article in found)
        raise NotFound(f"{name!r} can mean {known}: give one of these ids")
    return found[0]


def _named(database: Documents, name: str) -> list[Article]:
    if _ID_PREFIX.match(name):
        return queries.with_id_prefix(database, name, _NAMED)
    if "://" in name:  # an article with a guid is not named by its link, but people know it by that
        of_link = queries.with_id_prefix(database, _id_of_link(name), _NAMED)
        return of_link or list(islice(_with_link(database, canonical_url(name)), _NAMED))
    return queries.with_guid(database, file_guid(name) if Path(name).exists() else name, _NAMED)


def _with_link(database: Documents, link: str) -> Iterator[Article]:
    """Yield the articles whose link, as it came, has this canonical form."""
    for found in queries.with_link_like(database, _in_every_form(link)):
        with suppress(Rejected):
            if canonical_url(found["url"]) == link:
                yield from queries.with_id_prefix(database, found["_id"], 1)


def _in_every_form(link: str) -> str:
    """Return a pattern of the part that all forms of a link share: the last word of its path, however encoded."""
    word = urlsplit(link).path.rpartition("/")[2].partition(".")[0]
    return _ENCODED.sub(".*", word)


def _id_prefix(name: str) -> str | None:
    """Return the start of an id; a link means the one id that an article without a guid has."""
    return name if _ID_PREFIX.match(name) else _id_of_link(name) if "://" in name else None


def _id_of_link(link: str) -> str:
    return article_id(ArticleSubmitted(source="x", body="x", url=link))


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
