"""A feed of each saved search, as Atom (RFC 4287) and as JSON Feed 1.1: the newest matches, without withdrawn ones."""

import json
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import ValidationError

from shared.broker.stream_reader import all_of
from shared.broker.withdrawals import Withdrawals
from shared.messages import ArticleMatched
from shared.sanitizing import harmless
from shared.topology import MATCHED

NEWEST = 50  # matches of a feed
ATOM = "application/atom+xml; charset=utf-8"
JSON_FEED = "application/feed+json; charset=utf-8"
_SUBJECTS = "news.v1.matched.>"
_ATOM = "http://www.w3.org/2005/Atom"


class Matches:
    """The newest matches of each search as this process knows them; MATCHED has them for a week."""

    def __init__(self, withdrawals: Withdrawals) -> None:
        self._withdrawals = withdrawals
        self._kept: defaultdict[str, OrderedDict[str, ArticleMatched]] = defaultdict(OrderedDict)

    async def follow(self, connection: Client, js: JetStreamContext) -> None:
        """Load what is there and hear of what comes."""
        await connection.subscribe(_SUBJECTS, cb=self._heard)  # before loading, so that nothing falls between
        await self.load(js)

    async def load(self, js: JetStreamContext) -> None:
        """Read again what MATCHED has."""
        async for message in all_of(js, MATCHED, _SUBJECTS):
            self.note(message.data)

    def of(self, search: str) -> list[ArticleMatched]:
        """Return the matches of a search, the newest first."""
        kept = reversed(self._kept[search].values()) if search in self._kept else ()
        return [match for match in kept if self._withdrawals.reason(match.id) is None]

    def forget(self, searches: Iterable[str]) -> None:
        """Drop the matches of searches that are no more."""
        for name in searches:
            self._kept.pop(name, None)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._kept)

    async def _heard(self, message: Msg) -> None:
        self.note(message.data)

    def note(self, data: bytes) -> None:
        """Take a match; a newer version of an article takes the place of the older one."""
        try:
            match = ArticleMatched.model_validate_json(data)
        except ValidationError:
            return
        kept = self._kept[match.search]
        before = kept.get(match.id)
        if before is None or match.version >= before.version:
            kept[match.id] = match
            kept.move_to_end(match.id)
        while len(kept) > NEWEST:
            kept.popitem(last=False)


def atom(search: str, matches: Sequence[ArticleMatched], address: str) -> bytes:
    """Return the feed as Atom; ``address`` is the feed's own."""
    feed = ET.Element(f"{{{_ATOM}}}feed")
    newest = max((match.received_at for match in matches), default=None)
    _text(feed, "id", f"urn:wireroom:search:{search}")
    _text(feed, "title", f"Wireroom: {search}")
    _text(feed, "updated", newest.isoformat() if newest else "1970-01-01T00:00:00+00:00")
    ET.SubElement(feed, f"{{{_ATOM}}}link", rel="self", href=address)
    ET.SubElement(ET.SubElement(feed, f"{{{_ATOM}}}author"), f"{{{_ATOM}}}name").text = "Wireroom"
    for match in matches:
        entry = ET.SubElement(feed, f"{{{_ATOM}}}entry")
        _text(entry, "id", f"urn:wireroom:article:{match.id}")
        _text(entry, "title", match.title or "(no title)")
        _text(entry, "updated", match.received_at.isoformat())
        if match.published_at:
            _text(entry, "published", match.published_at.isoformat())
        if link := _link(match):
            ET.SubElement(entry, f"{{{_ATOM}}}link", href=link)
        _text(ET.SubElement(entry, f"{{{_ATOM}}}author"), "name", match.byline or match.source)
        _text(entry, "summary", match.summary)
        for entity in match.entities:
            ET.SubElement(entry, f"{{{_ATOM}}}category", term=_clean(f"{entity.label}:{entity.name}"))
    ET.register_namespace("", _ATOM)
    made: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def json_feed(search: str, matches: Sequence[ArticleMatched], address: str) -> bytes:
    """Return the feed as JSON Feed 1.1."""
    items = [
        {
            "id": f"urn:wireroom:article:{match.id}",
            "title": match.title or "(no title)",
            "content_text": match.summary,
            "date_modified": match.received_at.isoformat(),
            "language": match.language,
            "authors": [{"name": match.byline or match.source}],
            "tags": [f"{entity.label}:{entity.name}" for entity in match.entities],
            **({"date_published": match.published_at.isoformat()} if match.published_at else {}),
            **({"url": link} if (link := _link(match)) else {}),
        }
        for match in matches
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": f"Wireroom: {search}", "feed_url": address}
    return json.dumps({**feed, "items": items}, ensure_ascii=False).encode("utf-8", "replace")


def _link(match: ArticleMatched) -> str | None:
    """Return the address of an article; ingest lets only http and https pass, but anyone may publish a match."""
    return _clean(match.url) if match.url and match.url.startswith(("http://", "https://")) else None


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = _clean(text)


def _clean(text: str) -> str:
    """Return the text without what XML 1.0 cannot hold."""
    return harmless(text).translate({0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD})
