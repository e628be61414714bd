"""Entries of a feed to submissions: which are new, which have their whole text, and what is published of each."""

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from services.ingest.feeds.feed_reader import Entry
from services.ingest.feeds.feed_record import FeedRecord
from services.ingest.feeds.page_reader import Page

_FULL_TEXT = 1_000  # characters without markup; summaries have 200 to 500
_MARKUP = re.compile(r"<[^<>]*>")
_CUT = re.compile(
    r"(?:…|\.\.\.|\[(?:…|\.\.\.|&#8230;|&hellip;)\]|&hellip;|&#8230;|"
    r"(?:read|continue|full) (?:more|reading|story|article)|weiterlesen|mehr lesen|lire la suite|leer más)"
    r"[\s»\u203a→>.\])]*$",
    re.IGNORECASE,
)
_TAIL = 400  # characters in which a text says that it is cut
_FUTURE = timedelta(days=1)  # a clock may be wrong by so much; what is later is no time of publication
_OLDEST_OF_SITEMAP = timedelta(days=7)  # an address of a sitemap that is older is no news


@dataclass(frozen=True)
class NewEntry:
    """An entry to deal with: ``name`` and ``state`` are what is remembered of it, ``url`` is None if it has no own."""

    entry: Entry
    name: str
    state: str
    url: str | None
    full: bool


def entries_of(record: FeedRecord, entries: Sequence[Entry], kind: str, now: datetime) -> list[NewEntry]:
    """Return what can be published of a feed's entries, the oldest first, each name once.

    An address names its entry, so that guids which change do no harm, unless several entries share it.
    """
    shared = Counter(entry.url for entry in entries)
    found = dict[str, NewEntry]()
    for entry in entries:
        url = entry.url if shared[entry.url] == 1 or not entry.guid else None
        name = url or entry.guid or f"{entry.title}\0{entry.text}"
        full = is_full(entry, record)
        if kind == "sitemap" and (dated := entry.published_at or entry.updated_at) and dated < now - _OLDEST_OF_SITEMAP:
            continue
        if not full and not entry.url:
            continue  # neither a text nor a page
        content = sha256(entry.text.encode("utf-8", "replace")).hexdigest() if full else ""
        state = f"{entry.title}\0{entry.updated_at}\0{content}"
        found.setdefault(name, NewEntry(entry, name, state, url, full))
    return [*found.values()][::-1]


def is_full(entry: Entry, record: FeedRecord) -> bool:
    """Tell whether the entry has the whole article, so that no page is needed."""
    text = _MARKUP.sub(" ", entry.text)
    if record.text_from != "auto" or not entry.url:
        return record.text_from == "entry" and bool(text.strip()) if entry.url else bool(text.strip())
    return len(" ".join(text.split())) >= _FULL_TEXT and not _CUT.search(text.rstrip()[-_TAIL:])


def submission_of_entry(record: FeedRecord, new: NewEntry, now: datetime) -> bytes:
    """Return the submission of an entry that has its whole text: HTML whose head names the authors."""
    entry = new.entry
    text = entry.text
    if entry.plain:
        paragraphs = (html.escape(part, quote=False) for part in re.split(r"\n\s*\n", text) if part.strip())
        text = "".join(f"<p>{part}</p>\n" for part in paragraphs)
    title = html.escape(entry.title or "", quote=False)
    head = f"<title>{title}</title>{_authors(entry)}"
    body = f"<!DOCTYPE html><html><head>{head}</head><body><article>{text}</article></body></html>"
    own = {"url": new.url} if new.url else {"guid": entry.guid} if entry.guid else {}
    if entry.url and not new.url:
        own["url"] = entry.url
    return _submission(record, entry, now, body=body, **own)


def submission_of_page(record: FeedRecord, new: NewEntry, page: Page, now: datetime) -> bytes:
    """Return the submission of a page that an entry leads to, with what the feed says of it."""
    text = page.text
    if new.entry.authors and not page.names_author:
        found = re.search(r"<head\b[^<>]*>", text[:8192], re.IGNORECASE)
        at = found.end() if found else 0
        text = f"{text[:at]}{_authors(new.entry)}{text[at:]}"
    own = {"guid": new.entry.guid} if new.url is None and new.entry.guid else {}
    return _submission(record, new.entry, now, body=text, url=page.url, **own)


def _authors(entry: Entry) -> str:
    return "".join(f'<meta name="author" content="{html.escape(author)}">' for author in entry.authors)


def _submission(record: FeedRecord, entry: Entry, now: datetime, **given: Any) -> bytes:  # noqa: ANN401 - of any field
    made = {
        "source": record.source,
        "media_type": "text/html",
        "title": entry.title,
        "published_at": _plausible(entry.published_at, now),
        "updated_at": _plausible(entry.updated_at, now),
        "language": entry.language,
        "tags": entry.tags,
        **given,
    }
    return orjson.dumps({name: value for name, value in made.items() if value not in {None, ()}})


def _plausible(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment and moment <= now + _FUTURE else None
