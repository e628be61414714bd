"""A document in a news format of IPTC, JSON or XML, as news items: which reader it is for, by its form."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from services.ingest.readers import newsml_g2, ninjs, nitf, xml_tree
from services.ingest.readers.news_item import NewsItem
from shared.errors import Reason, Rejected

XML = frozenset(
    {"application/nitf+xml", "application/vnd.iptc.g2.newsitem+xml", "application/vnd.iptc.g2.newsmessage+xml"}
    | {"application/xml", "text/xml"}
)


def of_xml(data: bytes, now: datetime) -> Iterator[NewsItem | Rejected]:
    """Yield the articles of NITF or NewsML-G2, each or why it is none; raises Rejected for any other document."""
    root = xml_tree.parse(data)
    if root.tag == "nitf":
        yield _read(partial(nitf.of_nitf, root), now)
        return
    items = list(newsml_g2.news_items(root))
    if not items:
        said = f"the root element is {root.tag[:40]!r}; nitf, newsItem and newsMessage with news items are read"
        raise Rejected(Reason.UNSUPPORTED_MEDIA_TYPE, said)
    for item in items:
        yield _read(partial(newsml_g2.of_news_item, item), now)


def of_json(value: Mapping[str, Any], now: datetime) -> NewsItem | None:
    """Return the article of ninjs, None for what is no ninjs; raises Rejected."""
    return ninjs.news_item_of(value, now) if ninjs.looks_like_ninjs(value) else None


def _read(read: Callable[[datetime], NewsItem], now: datetime) -> NewsItem | Rejected:
    try:
        return read(now)
    except Rejected as refusal:
        return refusal
