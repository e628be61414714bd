"""Body of a request to submissions: JSON, arrays, JSON Lines, HTML, text, IPTC formats, CloudEvents in both modes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson

from services.ingest.http.refused_articles import problem_of
from services.ingest.readers import news_formats, ninjs
from services.ingest.readers.news_item import NewsItem
from shared.decoding import Shape, check_counts
from shared.errors import Reason, Rejected
from shared.http.problem_details import Problem
from shared.topology import MAX_MESSAGE_BYTES
from shared.web.bounded_inflate import BoundedInflate, NotDecodable, TooLarge
from shared.web.charsets import codec_of

MAX_REQUEST = 32 * 1024 * 1024  # bytes of a body, also after gzip
MAX_ARTICLES = 5_000  # in one request
_INFLATED_AT_ONCE = 4096  # bytes of gzip: they become a thousand times as many at most, in ten milliseconds
_LARGE_PART = 256 * 1024
_MANY = Shape(strings=300_000, structure=4 * 1024 * 1024)  # of a body that is parsed in one call
_MOST_LINES = 20 * MAX_ARTICLES  # blank ones between them too
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)

JSON = "application/json"
JSON_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
NINJS = "application/ninjs+json"
CLOUD_EVENT, CLOUD_EVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"
TEXTS = frozenset({"text/html", "text/plain"})
MEDIA_TYPES = (
    JSON, *sorted(JSON_LINES), *sorted(TEXTS), NINJS, *sorted(news_formats.XML), CLOUD_EVENT, CLOUD_EVENTS
)  # fmt: skip
_OF_A_TEXT = ("url", "guid", "title", "language", "published_at", "updated_at")  # query parameters beside a bare text


@dataclass(frozen=True)
class Item:
    """One submission as bytes of JSON, or why there is none; ``key`` is the publisher's own id of this request.

    ``withdraws``: the article that it names is to be withdrawn, for this reason.
    """

    data: bytes = b""
    refusal: Rejected | None = None
    key: str | None = None
    withdraws: str | None = None


async def read_bounded(chunks: AsyncIterator[bytes], encoding: str, grown: Callable[[int], None]) -> bytes:
    """Read a body and undo gzip as it comes; raises Problem 413 beyond the limits and 415 for another encoding.

    ``grown`` is told of each part by how many bytes it takes in memory, and may end the reading.
    """
    if encoding not in {"", "identity", "gzip"}:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding {encoding[:40]!r}; gzip is taken")
    inflate, body = BoundedInflate(encoding or "identity", MAX_REQUEST), bytearray()
    try:
        async for chunk in chunks:
            size = _INFLATED_AT_ONCE if encoding == "gzip" else len(chunk)
            for at in range(0, len(chunk), size or 1):
                part = inflate.feed(chunk[at : at + size])
                grown(len(part))
                body += part
                if len(part) > _LARGE_PART:
                    await asyncio.sleep(0)  # others have their turn
        inflate.end()
    except TooLarge as error:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has {error}", reason="too_large") from None
    except NotDecodable as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    return bytes(body)


def items_of(body: bytes, content_type: str, headers: Mapping[str, str], query: Mapping[str, str]) -> list[Item]:
    """Return the submissions of a body in their order; raises Problem where it cannot be read as what it says it is."""
    media_type = content_type.partition(";")[0].strip().lower()
    if "ce-specversion" in headers:  # CloudEvents, binary mode: the body is the data, whatever its type
        key = f"{headers.get('ce-source', '')}\0{headers.get('ce-id', '')}"
        return [replace(item, key=key) for item in _by_media_type(body, media_type, content_type, query)]
    return list(_by_media_type(body, media_type, content_type, query))


def _by_media_type(body: bytes, media_type: str, content_type: str, query: Mapping[str, str]) -> Iterator[Item]:
    if media_type in TEXTS:
        return iter([_of_text(body, media_type, content_type, query)])
    if media_type in JSON_LINES:
        if body.count(b"\n") > _MOST_LINES:
            said = f"more than {_MOST_LINES:,} lines in one request"
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said, reason="too_large")
        lines = [line for line in body.split(b"\n") if line.strip()]
        return (_of_line(line) for line in _bounded(lines))
    if media_type == JSON:
        return _of_json(body)
    if media_type == NINJS:
        return (_of_value(value, partial(_of_ninjs, source=query.get("source"))) for value in _values(body))
    if media_type in news_formats.XML:
        return _of_xml(body, query.get("source"))
    if media_type in {CLOUD_EVENT, CLOUD_EVENTS}:
        return (_of_value(value, _of_event) for value in _values(body))
    taken = ", ".join(MEDIA_TYPES)
    raise Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type {media_type[:80]!r} is not read. Taken are: {taken}"
    )


def _of_json(body: bytes) -> Iterator[Item]:
    """One object goes on as its own bytes, so that what two parsers would read differently is refused as everywhere."""
    if not body.lstrip().startswith(b"["):
        return iter([_of_line(body)])
    return (_of_value(value, _of_object) for value in _values(body))


def _of_line(line: bytes) -> Item:
    if not ninjs.may_be_ninjs(line):
        return Item(line)
    try:
        check_counts(line, _MANY)
        value = orjson.loads(line)
    except Rejected as refusal:
        return Item(refusal=refusal)
    except orjson.JSONDecodeError:
        return Item(line)  # the decoder of submissions says what is wrong with it
    if isinstance(value, dict) and ninjs.looks_like_ninjs(value):
        return _of_value(value, _of_ninjs)
    return Item(line)


def _values(body: bytes) -> list[Any]:
    try:
        check_counts(body, _MANY)
        found = orjson.loads(body)
    except Rejected as refusal:
        raise problem_of(refusal) from None
    except orjson.JSONDecodeError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the body is no JSON: {error}", reason="not_json") from None
    return _bounded(found if isinstance(found, list) else [found])


def _bounded(values: list[Any]) -> list[Any]:
    if len(values) > MAX_ARTICLES:
        said = f"{len(values):,} articles in one request; at most {MAX_ARTICLES:,} are taken"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said, reason="too_large")
    if not values:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "there is no article in the body", reason="empty_body")
    return values


def _of_value(value: Any, read: Any) -> Item:  # noqa: ANN401 - JSON of any publisher
    if not isinstance(value, dict):
        return Item(refusal=Rejected(Reason.SCHEMA, f"an article is a JSON object, this is {type(value).__name__}"))
    try:
        item: Item = read(value)
    except Rejected as refusal:
        return Item(refusal=refusal)
    return item


def _of_object(value: dict[str, Any]) -> Item:
    return _of_ninjs(value) if ninjs.looks_like_ninjs(value) else Item(orjson.dumps(value))


def _of_ninjs(value: dict[str, Any], source: str | None = None) -> Item:
    return _of_news_item(ninjs.news_item_of(value, datetime.now(UTC)), source)


def _of_xml(body: bytes, source: str | None) -> Iterator[Item]:
    try:
        found = _bounded(list(news_formats.of_xml(body, datetime.now(UTC))))
    except Rejected as refusal:
        return iter([Item(refusal=refusal)])
    return (_of_news_item(item, source) for item in found)


def _of_news_item(item: NewsItem | Rejected, source: str | None) -> Item:
    if isinstance(item, Rejected):
        return Item(refusal=item)
    named = {"source": source} if source else {}
    return Item(orjson.dumps(named | dict(item.fields)), withdraws=item.withdraws)


def _of_event(event: dict[str, Any]) -> Item:
    if "specversion" not in event:
        raise Rejected(Reason.SCHEMA, "specversion: a CloudEvent has one")
    if "data_base64" in event or not isinstance(data := event.get("data"), dict):
        raise Rejected(Reason.SCHEMA, "data: a JSON object, the article, is expected")
    item = _of_object(data)
    return replace(item, key=f"{event.get('source', '')}\0{event.get('id', '')}")


def _of_text(body: bytes, media_type: str, content_type: str, query: Mapping[str, str]) -> Item:
    if len(body) > MAX_MESSAGE_BYTES:
        return Item(refusal=Rejected(Reason.TOO_LARGE, f"the body has {len(body):,} bytes"))
    named = _CHARSET.search(content_type)
    charset = named[1] if named else "utf-8"
    if not (codec := codec_of(charset)):
        said = f"charset {charset[:40]!r} is not known"
        return Item(refusal=Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, said))
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        said = f"byte {error.start} is not {charset}: {error.reason}; name the charset in Content-Type"
        return Item(refusal=Rejected(Reason.NOT_UTF8, said))
    given = {name: query[name] for name in _OF_A_TEXT if name in query}
    tags = [tag for tag in query.get("tags", "").split(",") if tag.strip()]
    made = {"body": text, "media_type": media_type, **given, **({"tags": tags} if tags else {})}
    if "source" in query:
        made["source"] = query["source"]
    return Item(json.dumps(made).encode())
