"""IPTC NewsML-G2 2.x to submissions: news items of text, alone or in a news message, with NITF, XHTML or plain text."""

from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element

from services.ingest.readers import nitf
from services.ingest.readers.news_item import NewsItem, named, news_item, page, rfc_3339, tags
from services.ingest.readers.xml_tree import attribute, html, text
from shared.errors import Reason, Rejected

_PERMALINK = frozenset({"permalink", "isalternativewebversion", "publishedversion", "canonical"})


def news_items(root: Element) -> Iterator[Element]:
    """Yield the ``newsItem`` elements of a document, whatever carries them."""
    yield from [root] if root.tag == "newsItem" else root.iterfind("itemSet/newsItem")


def of_news_item(item: Element, now: datetime) -> NewsItem:
    """Return the article of a ``newsItem``; raises Rejected for what is no text."""
    kind = attribute(item, "itemMeta/itemClass", "qcode") or "ninat:text"
    if kind.rpartition(":")[2] not in {"text", "composite"}:
        raise Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, f"itemClass: {kind[:40]!r}; only text is read")
    meta = "contentMeta"
    language = attribute(item, f"{meta}/language", "tag") or item.get("lang") or None
    title = text(item, f"{meta}/headline") or text(item, "itemMeta/title")
    body, media_type = _body(item, title, language)
    subjects = [text(each, "name") or each.get("literal") for each in item.iterfind(f"{meta}/subject")]
    keywords = [text(each) for each in item.iterfind(f"{meta}/keyword")]
    changed = text(item, "itemMeta/versionCreated")
    links = (
        each.get("href") for each in item.iterfind("itemMeta/link")
        if each.get("rel", "").rpartition(":")[2].lower() in _PERMALINK
    )  # fmt: skip
    fields = {
        **named(item.get("guid"), *links),
        "title": title[:2000],
        "language": language,
        "published_at": rfc_3339(text(item, "itemMeta/firstCreated"), text(item, f"{meta}/contentCreated"), changed),
        "updated_at": rfc_3339(changed),
        "tags": tags([*subjects, *keywords], text(item, f"{meta}/urgency")),
        "body": body,
        "media_type": media_type,
    }
    status = attribute(item, "itemMeta/pubStatus", "qcode") or attribute(item, "itemMeta/pubStatus", "uri")
    return news_item(
        fields, status=status.rpartition("/")[2], embargo=text(item, "itemMeta/embargoed") or None, now=now
    )


def _body(item: Element, title: str, language: str | None) -> tuple[str, str]:
    """Return the text in the richest form that there is, and its media type; empty where there is none."""
    by = [text(each) for each in item.iterfind("contentMeta/by")]
    authors = by or [text(each, "name") or each.get("literal", "") for each in item.iterfind("contentMeta/creator")]
    for carrier in item.iterfind("contentSet/inlineXML"):
        for document in carrier:
            if document.tag == "nitf":
                if found := nitf.body(document, title, language):
                    return found, "text/html"
            elif document.tag == "html" and (content := document.find("body")) is not None and text(content):
                return page(html(content, {}), title, authors, language), "text/html"
    for data in item.iterfind("contentSet/inlineData"):
        kind = data.get("contenttype", "text/plain").partition(";")[0].strip().lower()
        if kind in {"text/plain", "text/html"} and (data.text or "").strip():
            return (data.text or "").strip(), kind
    return "", "text/plain"
