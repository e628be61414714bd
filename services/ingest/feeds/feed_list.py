"""Lists of feeds in files: OPML both ways, and plain text with one address a line and a source behind it."""

import html
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from pydantic import ValidationError

from services.ingest.feeds.feed_record import FeedRecord
from services.ingest.feeds.politeness import host_of
from services.ingest.feeds.safe_xml import XmlRefused, elements
from shared.guarded_http import FetchError, checked_url
from shared.web.charsets import decode_text

_MAX_BYTES = 16 * 1024 * 1024
_LONGEST_SOURCE = 64  # characters, as in the messages
_NAMESPACE = "urn:wireroom:feeds"


class FeedListError(ValueError):
    """A list or an address that cannot be used, and where."""


def new_record(url: str, source: str | None, now: datetime, *, title: str = "") -> FeedRecord:
    """Return the record of a feed that is due at once; raises FeedListError. Without a source the host names it."""
    try:
        address = str(checked_url(url))
    except FetchError as error:
        raise FeedListError(f"{url[:200]!r} is not fetched: {error.detail}") from None
    try:
        return FeedRecord(
            url=address, source=source or source_of(address), title=title[:300], added_at=now, next_poll=now
        )
    except ValidationError as error:
        said = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise FeedListError(f"{url[:200]!r}: {said}") from None


def source_of(url: str) -> str:
    """Return the source that the host of an address gives: ``www.karsholm.example`` is ``karsholm-example``."""
    letters = host_of(url).removeprefix("www.").removeprefix("feeds.")
    slug = "".join(char if char.isascii() and char.isalnum() else "-" for char in letters)
    return "-".join(filter(None, slug.split("-")))[:_LONGEST_SOURCE].strip("-") or "feed"


def read_list(path: Path, now: datetime) -> list[FeedRecord]:
    """Return the feeds of a file, each once; raises FeedListError."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FeedListError(f"{path}: more than {_MAX_BYTES:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise FeedListError(f"{path}: {error.strerror}") from None
    try:
        return parse_list(data, now)
    except FeedListError as error:
        raise FeedListError(f"{path}: {error}") from None


def parse_list(data: bytes, now: datetime) -> list[FeedRecord]:
    """Return the feeds of OPML, or of lines; raises FeedListError."""
    text = decode_text(data)
    found = _opml(text, now) if text.lstrip().startswith("<") else _lines(text, now)
    return [*{record.url: record for record in found}.values()]


def _lines(text: str, now: datetime) -> Iterator[FeedRecord]:
    for number, line in enumerate(text.splitlines(), 1):
        words = [*takewhile(lambda word: not word.startswith("#"), line.split())]
        if not words:
            continue
        if len(words) > 2:  # noqa: PLR2004 - address and source
            raise FeedListError(f"line {number}: an address and at most a source, separated by a blank")
        try:
            yield new_record(words[0], words[1] if len(words) > 1 else None, now)
        except FeedListError as error:
            raise FeedListError(f"line {number}: {error}") from None


def _opml(text: str, now: datetime) -> Iterator[FeedRecord]:
    """Yield each outline that has an ``xmlUrl``; folders are left out."""
    try:
        for element in elements(text):
            given = {name.lower(): value for name, value in element.attributes.items()}
            if element.path[-1] == "outline" and (url := given.get("xmlurl", "").strip()):
                title = given.get("title") or given.get("text") or ""
                yield new_record(url, given.get("source") or None, now, title=title)
    except XmlRefused as error:
        raise FeedListError(str(error)) from None


def write_opml(records: Iterable[FeedRecord]) -> str:
    """Return OPML 2.0 with the source of each feed, as ``parse_list`` reads it."""
    outlines = "".join(
        f"    <outline {_attributes(type='rss', text=each.title or each.source, xmlUrl=each.url)} "
        f'wireroom:source="{each.source}"/>\n'
        for each in sorted(records, key=lambda record: (record.source, record.url))
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0" xmlns:wireroom="{_NAMESPACE}">\n'
        f"  <head><title>Feeds of Wireroom</title></head>\n  <body>\n{outlines}  </body>\n</opml>\n"
    )


def _attributes(**values: str) -> str:
    return " ".join(f'{name}="{html.escape(_xml_text(value))}"' for name, value in values.items())


def _xml_text(text: str) -> str:
    """Return the text without the characters that XML cannot hold."""
    return "".join(char for char in text if char.isprintable() and not "\ud800" <= char <= "\udfff")
