"""Bytes to a feed and its entries: RSS, Atom and RDF by feedparser, JSON Feed, sitemaps and their index files.

feedparser is given a stream of bytes only: a string it would open as a path or an address.
"""

import html
import io
import re
import time
from calendar import timegm
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urljoin

import feedparser
import orjson
from pydantic import BaseModel, ConfigDict

from services.ingest.feeds.safe_xml import Element, XmlRefused, elements, refuse_declarations
from shared.messages import MAX_BODY_BYTES
from shared.web.bounded_inflate import NotDecodable, TooLarge, inflated
from shared.web.charsets import decode_text

MAX_FEED = 8 * 1024 * 1024  # bytes, also after gzip
MAX_ENTRIES = 10_000  # of one document; a sitemap may have 50,000 addresses, of which the newest count
_TAG = re.compile(r"<[^<>]*>")
_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_XML = "application/xml; charset=utf-8"
_DAY_ONLY = 10  # characters of 2026-03-01

Kind = Literal["rss", "atom", "json", "sitemap", "sitemap_index"]


class NoFeed(ValueError):  # noqa: N818 - it describes the document
    """The document is no feed that is read, or one that is refused."""


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True)


class Entry(_Read):
    """One entry as the feed has it; ``text`` is HTML unless ``plain``, the longest of its content and summary."""

    guid: str | None = None
    url: str | None = None
    title: str | None = None
    text: str = ""
    plain: bool = False
    published_at: datetime | None = None
    updated_at: datetime | None = None
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    language: str | None = None


class FeedHead(_Read):
    """What a document says of itself. ``ttl`` is in seconds; ``children`` are the sitemaps of an index file."""

    kind: Kind
    title: str = ""
    language: str | None = None
    ttl: float = 0
    children: tuple[str, ...] = ()
    entries: int = 0


def read_feed(data: bytes, content_type: str, url: str) -> tuple[FeedHead, list[Entry]]:
    """Return a feed and its entries, in its order; raises NoFeed."""
    try:
        if data.startswith(b"\x1f\x8b"):  # a file that is gzip itself, such as sitemap.xml.gz
            data = inflated(data, MAX_FEED)
        text = decode_text(data, charset_of(content_type)).lstrip("\ufeff \t\r\n")
        if text.startswith("{"):
            return _json_feed(text, url)
        refuse_declarations(text)
        if re.search(r"<(?:\w+:)?(?:urlset|sitemapindex)[\s>]", text[:4096]):
            return _sitemap(text, url)
    except (XmlRefused, TooLarge, NotDecodable) as error:
        raise NoFeed(str(error)) from None
    return _xml_feed(text, url)


def charset_of(content_type: str) -> str | None:
    found = re.search(r"charset\s*=\s*\"?([\w.:-]{2,40})", content_type, re.IGNORECASE)
    return found[1] if found else None


def _xml_feed(text: str, url: str) -> tuple[FeedHead, list[Entry]]:
    headers = {"content-type": _XML, "content-location": url}  # the text is UTF-8 now, whatever its first line says
    found = feedparser.parse(
        io.BytesIO(text.encode("utf-8", "replace")),
        response_headers=headers,
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    if not found.get("version"):
        raise NoFeed("no RSS, Atom or JSON feed and no sitemap")
    feed = found.feed
    kind: Kind = "atom" if found.version.startswith("atom") else "rss"
    language = _language(feed.get("language"))
    read = [_entry(each, url, language) for each in found.entries[:MAX_ENTRIES]]
    ttl = _number(feed.get("ttl")) * 60
    return FeedHead(kind=kind, title=_plain(feed.get("title")), language=language, ttl=ttl, entries=len(read)), read


def _entry(entry: dict[str, Any], url: str, language: str | None) -> Entry:
    texts = [(str(each.get("value") or ""), str(each.get("type") or "")) for each in entry.get("content", ())]
    detail = entry.get("summary_detail") or {}
    texts.append((str(detail.get("value") or entry.get("summary") or ""), str(detail.get("type") or "")))
    text, media_type = max(texts, key=lambda each: len(each[0]))
    plain = media_type == "text/plain" and not _MARKUP.search(text)
    authors = [str(each.get("name") or "") for each in entry.get("authors", ())] or [str(entry.get("author") or "")]
    link = entry.get("feedburner_origlink") or entry.get("link") or ""
    language = _language((entry.get("title_detail") or {}).get("language")) or language
    published, updated = (_moment(dict.get(entry, name)) for name in ("published_parsed", "updated_parsed"))
    return Entry(
        guid=_cut(entry.get("id"), 1024),
        url=_absolute(url, link),
        title=_cut(_plain(entry.get("title")), 2000),
        text=text if len(text.encode("utf-8", "replace")) <= MAX_BODY_BYTES else "",
        plain=plain,
        published_at=published or updated,
        updated_at=updated if published and updated != published else None,
        authors=_distinct(authors),
        tags=_distinct(str(each.get("term") or "") for each in entry.get("tags", ())),
        language=language,
    )


def _json_feed(text: str, url: str) -> tuple[FeedHead, list[Entry]]:
    try:
        feed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NoFeed(f"no JSON: {error}") from None
    if not isinstance(feed, dict) or "jsonfeed.org/version/" not in str(feed.get("version")):
        raise NoFeed("JSON, and no JSON Feed")
    language, items = _language(feed.get("language")), feed.get("items")
    items = [each for each in items if isinstance(each, dict)][:MAX_ENTRIES] if isinstance(items, list) else []
    read = [_json_entry(each, url, language) for each in items]
    return FeedHead(kind="json", title=_plain(feed.get("title")), language=language, entries=len(read)), read


def _json_entry(item: Mapping[str, Any], url: str, language: str | None) -> Entry:
    markup, text = (_string(item.get(name)) for name in ("content_html", "content_text"))
    named = item.get("authors") if isinstance(item.get("authors"), list) else [item.get("author")]
    authors = (str(each.get("name") or "") for each in named or () if isinstance(each, dict))
    tags = item.get("tags")
    body = markup or text or _string(item.get("summary"))
    return Entry(
        guid=_cut(str(item["id"]) if isinstance(item.get("id"), str | int | float) else None, 1024),
        url=_absolute(url, _string(item.get("url")) or _string(item.get("external_url"))),
        title=_cut(_string(item.get("title")), 2000),
        text=body if len(body.encode("utf-8", "replace")) <= MAX_BODY_BYTES else "",
        plain=not markup,
        published_at=_iso(_string(item.get("date_published"))),
        updated_at=_iso(_string(item.get("date_modified"))),
        authors=_distinct(authors),
        tags=_distinct(each for each in tags if isinstance(each, str)) if isinstance(tags, list) else (),
        language=_language(item.get("language")) or language,
    )


def _sitemap(text: str, url: str) -> tuple[FeedHead, list[Entry]]:
    """Read a sitemap: of each address what its news extension says, else when it was changed last."""
    found, children, now = list[Entry](), list[tuple[str, str]](), dict[str, str]()
    tags = list[str]()
    for element in elements(text):
        match element.path[1:]:
            case ("url" | "sitemap",):
                link = _absolute(url, now.get("loc", ""))
                if link and element.path[0] == "sitemapindex":
                    children.append((now.get("lastmod", ""), link))
                elif link:
                    found.append(_sitemap_entry(link, now, tags))
                now, tags = {}, []
            case ("url" | "sitemap", *_, name):
                _note(element, name, now, tags)
    if children:
        newest = tuple(link for _, link in sorted(children, key=lambda each: each[0], reverse=True))
        return FeedHead(kind="sitemap_index", children=newest[:MAX_ENTRIES]), []
    oldest = datetime.min.replace(tzinfo=UTC)
    found.sort(key=lambda each: each.published_at or each.updated_at or oldest, reverse=True)
    return FeedHead(kind="sitemap", entries=len(found[:MAX_ENTRIES])), found[:MAX_ENTRIES]


def _note(element: Element, name: str, now: dict[str, str], tags: list[str]) -> None:
    if name == "loc" and len(element.path) > 3:  # noqa: PLR2004 - of an image or a video of the page
        return
    if name == "keywords":
        tags += element.text.split(",")
    else:
        now[name] = element.text


def _sitemap_entry(link: str, now: Mapping[str, str], tags: Iterable[str]) -> Entry:
    return Entry(
        url=link,
        title=_cut(now.get("title"), 2000),
        published_at=_iso(now.get("publication_date", "")),
        updated_at=_iso(now.get("lastmod", "")),
        tags=_distinct(tags),
        language=_language(now.get("language")),
    )


def _moment(parsed: object) -> datetime | None:
    """Return a time of feedparser, which is UTC; None of one that no calendar has."""
    if not isinstance(parsed, time.struct_time):
        return None
    try:
        return datetime.fromtimestamp(timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(text: str) -> datetime | None:
    """Return a time of RFC 3339 or ISO 8601; without an offset it is UTC."""
    text = text.strip()
    try:
        found = datetime.fromisoformat(text if len(text) <= _DAY_ONLY else text[:40])
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _absolute(base: str, link: object) -> str | None:
    """Return an http or https address, None for any other."""
    try:
        found = urljoin(base, str(link or "").strip())
    except ValueError:
        return None
    return found if link and found.lower().startswith(("http://", "https://")) and len(found) <= 4096 else None  # noqa: PLR2004 - as in ArticleSubmitted


def _plain(text: object) -> str:
    """Return a title without markup and character references, on one line."""
    return " ".join(html.unescape(_TAG.sub("", str(text or ""))).split())


def _language(value: object) -> str | None:
    text = str(value or "").strip()
    return text if len(text) <= 100 and _LANGUAGE.fullmatch(text) else None  # noqa: PLR2004 - as in ArticleSubmitted


def _number(value: object) -> float:
    text = str(value or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0  # noqa: PLR2004 - minutes


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(value: object, most: int) -> str | None:
    return str(value or "").strip()[:most].strip() or None


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    cut = (" ".join(value.split())[:200].strip() for value in values)
    return tuple(_first(dict.fromkeys(value for value in cut if value), 100))


def _first(values: Iterable[str], most: int) -> Iterator[str]:
    return (value for _, value in zip(range(most), values, strict=False))
