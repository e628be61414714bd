"""What a feed would bring, without publishing anything and without remembering that it was asked."""

from dataclasses import dataclass
from typing import Any

from services.ingest.feeds.entry_articles import NewEntry, entries_of
from services.ingest.feeds.feed_poll import FeedFailed, FeedTools, fetch_feed
from services.ingest.feeds.feed_record import FeedRecord
from services.ingest.feeds.schedule import asked_interval
from shared.guarded_http import Fetched


@dataclass(frozen=True)
class CheckedEntry:
    """One entry: the text of which is used, or the page of which would be fetched."""

    new: NewEntry

    @property
    def facts(self) -> dict[str, Any]:
        entry = self.new.entry
        return {
            "url": entry.url,
            "guid": entry.guid,
            "title": entry.title,
            "published_at": entry.published_at,
            "authors": entry.authors,
            "tags": entry.tags,
            "characters": len(entry.text),
            "text": "entry" if self.new.full else "page",
        }

    @property
    def row(self) -> tuple[str, str, str, str]:
        entry = self.new.entry
        date = f"{entry.published_at:%Y-%m-%d %H:%M}" if entry.published_at else "no date"
        text = f"whole, {len(entry.text):,}" if self.new.full else "from its page"
        return date, text, entry.title or "", entry.url or ""


@dataclass(frozen=True)
class FeedCheck:
    """A feed as it is now; ``facts`` say what it is, ``entries`` what would come, the newest first."""

    facts: dict[str, Any]
    entries: list[CheckedEntry]


async def checked_feed(tools: FeedTools, record: FeedRecord) -> FeedCheck:
    """Fetch a feed without conditions; raises FeedFailed."""
    asked = record.model_copy(update={"etag": "", "last_modified": ""})
    document = await fetch_feed(tools, asked)
    if isinstance(document, Fetched):
        raise FeedFailed("http_4xx", f"the server answered {document.status}: it is gone for good")
    fetched, head = document.fetched, document.head
    entries = entries_of(record, document.entries, head.kind, tools.now())
    permanent = fetched.permanent_url
    facts = {
        "kind": head.kind,
        "title": head.title,
        "source": record.source,
        "entries": len(entries),
        "language": head.language or "",
        "moved": permanent if permanent and permanent != record.url else "",
        "asks_for": f"{asked_interval(fetched.headers, head.ttl):.0f} s between polls",
    }
    return FeedCheck(facts, [CheckedEntry(each) for each in reversed(entries)])
