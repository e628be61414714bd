"""IPTC ninjs 1.x, 2.x and 3.x to a submission: https://iptc.org/standards/ninjs/.

ninjs 1 has ``headline`` and ``body_text``; ninjs 2 lists (``headlines``, ``bodies``); ninjs 3 the same in camel case.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.errors import Reason, Rejected

CANCELED = frozenset({"canceled", "cancelled", "withdrawn"})
_BODIES = (("body_html", "text/html"), ("body_xhtml", "text/html"), ("body_text", "text/plain"))
_ITS_OWN = ("bodies", "body_html", "body_xhtml", "body_text", "pubstatus", "pubStatus")
_BEST_BODY = {"text/html": 0, "application/xhtml+xml": 0, "text/plain": 1}
_MAIN_HEADLINE = ("main", "headline", "title", "hl1")


def submission_of(item: Mapping[str, Any], source: str | None = None) -> dict[str, Any]:
    """Return the fields of ``ArticleSubmitted``; raises Rejected for what is no text or is not to be published.

    ``source`` is the slug of the publisher, which ninjs has no field for.
    """
    if not _text(item.get("uri")):
        raise Rejected(Reason.SCHEMA, "uri: a ninjs item needs one; it names the article")
    status = _text(_any(item, "pubstatus", "pubStatus")) or "usable"
    if status.lower() in CANCELED:
        raise Rejected(Reason.SCHEMA, f"pubstatus: {status!r}; take the article down with `wireroom withdraw`")
    if status.lower() != "usable":
        raise Rejected(Reason.SCHEMA, f"pubstatus: {status!r}; only usable items are taken")
    if (kind := _text(item.get("type"))) and kind.lower() not in {"text", "article"}:
        raise Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, f"type: {kind[:40]!r}; only text is read")
    body, media_type = _body(item)
    made = {
        "source": source,
        "body": body,
        "media_type": media_type,
        "guid": _text(item["uri"]),
        "url": _link(item),
        "title": _headline(item),
        "language": _text(item.get("language")),
        "published_at": _text(
            _any(item, "firstpublished", "firstPublished", "versioncreated", "versionCreated", "firstcreated")
        ),
        "updated_at": _text(_any(item, "versioncreated", "versionCreated")),
        "tags": tuple(_tags(item)),
    }
    return {name: value for name, value in made.items() if value not in (None, ())}


def looks_like_ninjs(item: Mapping[str, Any]) -> bool:
    """Tell ninjs from a submission of ours: it has a ``uri`` and a body under one of its own names, and no ``body``."""
    return (
        "uri" in item and "body" not in item and any(name in item for name in ("bodies", *dict(_BODIES), "pubstatus"))
    )


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
        raise Rejected(Reason.EMPTY_BODY, "body_html, body_text and bodies: the item has no text")
    best, text = min(found, key=lambda each: each[0])
    return text, "text/plain" if best else "text/html"


def _headline(item: Mapping[str, Any]) -> str | None:
    if title := _text(item.get("headline")):
        return title
    headlines = [(_text(each.get("role")) or "", _text(each.get("value"))) for each in _objects(item.get("headlines"))]
    named = [value for role, value in headlines if value and role.lower() in _MAIN_HEADLINE]
    others = [value for _, value in headlines if value]
    return next(iter([*named, *others]), None) or _text(item.get("title"))


def _link(item: Mapping[str, Any]) -> str | None:
    """Return the address of the article: ``uri`` where it is one, else that of an alternative web version."""
    for given in (item.get("uri"), item.get("url")):
        if (link := _text(given)) and link.lower().startswith(("http://", "https://")):
            return link
    return None


def _tags(item: Mapping[str, Any]) -> Iterable[str]:
    named = [_text(each.get("name")) for field in ("subject", "subjects") for each in _objects(item.get(field))]
    given = item.get("keywords")
    words = [_text(word) for word in given] if isinstance(given, list) else []
    return dict.fromkeys(tag[:200] for tag in [*named, *words] if tag)
