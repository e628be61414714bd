"""IPTC ninjs 1.x, 2.x and 3.x to a submission: https://iptc.org/standards/ninjs/.

ninjs 1 has ``headline`` and ``body_text``; ninjs 2 lists (``headlines``, ``bodies``); ninjs 3 the same in camel case.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.ingest.readers.news_item import NewsItem, named, news_item, page, tags
from shared.errors import Reason, Rejected

_BODIES = (("body_html", "text/html"), ("body_xhtml", "text/html"), ("body_text", "text/plain"))
_ITS_OWN = ("bodies", *dict(_BODIES), "pubstatus", "pubStatus")
_BEST_BODY = {"text/html": 0, "application/xhtml+xml": 0, "text/plain": 1}
_CHANGED = ("versioncreated", "versionCreated")
_BY = re.compile(r"^by\s+", re.IGNORECASE)
_MAIN_HEADLINE = ("main", "headline", "title", "hl1")


def news_item_of(item: Mapping[str, Any], now: datetime) -> NewsItem:
    """Return what is to be done with an item; raises Rejected for what is no text or is not to be published."""
    if not _text(item.get("uri")):
        raise Rejected(Reason.SCHEMA, "uri: a ninjs item needs one; it names the article")
    if (kind := _text(item.get("type"))) and kind.lower() not in {"text", "article"}:
        raise Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, f"type: {kind[:40]!r}; only text is read")
    title, language = _headline(item), _text(item.get("language"))
    body, media_type = _body(item)
    if media_type == "text/html" and (by := _text(_any(item, "by", "byline"))):
        body = page(body, title, [_BY.sub("", by)], language)
    fields = {
        "body": body,
        "media_type": media_type,
        **named(_text(item["uri"]), _text(item.get("url"))),
        "title": title,
        "language": language,
        "published_at": _text(
            _any(item, "firstpublished", "firstPublished", "firstcreated", "firstCreated", *_CHANGED)
        ),
        "updated_at": _text(_any(item, *_CHANGED)),
        "tags": tags(_words(item), item.get("urgency")),
    }
    status = _text(_any(item, "pubstatus", "pubStatus"))
    embargo = _text(_any(item, "embargoed", "embargoedUntil", "embargoeduntil"))
    return news_item(fields, status=status, embargo=embargo, now=now)


def may_be_ninjs(data: bytes) -> bool:
    """Tell cheaply what is certainly no ninjs."""
    return b'"uri"' in data


def looks_like_ninjs(item: Mapping[str, Any]) -> bool:
    """Tell ninjs from a submission of ours: it has a ``uri`` and a body under one of its own names, and no ``body``."""
    return "uri" in item and "body" not in item and any(name in item for name in _ITS_OWN)


def _any(item: Mapping[str, Any], *names: str) -> Any:  # noqa: ANN401 - JSON of any publisher
    return next((item[name] for name in names if item.get(name)), None)


def _text(value: Any) -> str | None:  # noqa: ANN401 - JSON of any publisher
    return value.strip() or None if isinstance(value, str) else None


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:  # noqa: ANN401 - JSON of any publisher
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _body(item: Mapping[str, Any]) -> tuple[str, str]:
    for name, media_type in _BODIES:
        if text := _text(item.get(name)):
            return text, media_type
    found = []
    for body in _objects(item.get("bodies")):
        given = (_text(_any(body, "contenttype", "contentType")) or "text/plain").partition(";")[0].strip().lower()
        if given in _BEST_BODY and (text := _text(body.get("value"))):
            found.append((_BEST_BODY[given], text))
    if not found:
        return "", "text/plain"
    best, text = min(found, key=lambda each: each[0])
    return text, "text/plain" if best else "text/html"


def _headline(item: Mapping[str, Any]) -> str | None:
    if title := _text(item.get("headline")):
        return title
    headlines = [(_text(each.get("role")) or "", _text(each.get("value"))) for each in _objects(item.get("headlines"))]
    main = [value for role, value in headlines if value and role.lower() in _MAIN_HEADLINE]
    others = [value for _, value in headlines if value]
    return next(iter([*main, *others]), None) or _text(item.get("title"))


def _words(item: Mapping[str, Any]) -> Iterable[str | None]:
    for field in ("subject", "subjects"):
        yield from (_text(each.get("name")) for each in _objects(item.get(field)))
    given = item.get("keywords")
    yield from (_text(word) for word in given) if isinstance(given, list) else ()
