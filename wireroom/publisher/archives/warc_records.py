"""WARC and WARC.gz: HTTP responses with HTML as articles, each named by its link and the offset of its record.

``WARC-Date`` is when a page was fetched and not when it was published, so it becomes no date of the article: what the
page says of itself is read by extract.
"""

from collections.abc import Iterator
from contextlib import suppress

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from shared.errors import Reason, Rejected
from shared.web.charsets import decode_text
from wireroom.publisher.archives.decompression import http_body
from wireroom.publisher.archives.records import MOST_TEXT, BrokenArchive, Record, Skipped

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_HTTP_OK = 200
_WEB = ("http://", "https://")
_MOST_ENCODED = MOST_TEXT + 64 * 1024  # bytes in the archive; chunks take a little more than what they carry


class _Chunks:
    """Chunks as a file that can only be read; ``start`` is the offset of the first."""

    def __init__(self, chunks: Iterator[bytes], start: int) -> None:
        self._chunks, self._rest, self._at = chunks, b"", start

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        given = self._rest or next(self._chunks, b"")
        taken, self._rest = (given, b"") if size < 0 else (given[:size], given[size:])
        self._at += len(taken)
        return taken


def warc_articles(chunks: Iterator[bytes], start: int = 0) -> Iterator[Record]:
    """Yield a record for each of the archive; ``start`` is the offset of the first chunk. Raises BrokenArchive."""
    found = ArchiveIterator(_Chunks(chunks, start), parse_http=False, quirks_mode=True)  # type: ignore[arg-type] # it only reads
    number = None
    while True:
        try:
            record = next(found, None)
        except (OSError, ValueError) as error:
            raise BrokenArchive(f"no WARC record behind offset {number or start}: {error}") from None
        if record is None:
            if number is None and not start:
                raise BrokenArchive("no WARC record in it")
            return
        number = record.stream_pos
        try:
            yield _read(number, record)
        except Rejected as refusal:
            yield Record(number, refusal=refusal)


def _read(number: int, record: WarcRecord) -> Record:
    link = (record.headers.get("WARC-Target-URI") or "").strip().removeprefix("<").removesuffix(">")
    if why := _not_wanted(record, link):
        return Record(number, skipped=why)
    body, transfer, encoding, charset = _payload(record), "", "", ""
    if record.is_http_parsed:
        headers = record.http_headers
        transfer, encoding = headers.get("Transfer-Encoding") or "", headers.get("Content-Encoding") or ""
        charset = record.http_charset or ""
    page = http_body(body, transfer, encoding, MOST_TEXT)
    return Record(number, {"url": link, "body": decode_text(page, charset), "media_type": "text/html"})


def _not_wanted(record: WarcRecord, link: str) -> Skipped | None:
    """Return why a record holds no page; a ``resource`` is a page without what the server said of it."""
    kind = record.record_type
    if kind == WarcRecordType.revisit:
        return Skipped.REVISIT
    if kind not in (WarcRecordType.response, WarcRecordType.resource) or not link.lower().startswith(_WEB):
        return Skipped.NOT_RESPONSE
    if kind == WarcRecordType.response:
        try:
            record.parse_http(quirks_mode=True)
        except (OSError, ValueError):
            return Skipped.NOT_RESPONSE
        status = record.http_headers.status_code if record.is_http_parsed and record.http_headers else None
        if status != _HTTP_OK:
            return Skipped.STATUS if status else Skipped.NOT_RESPONSE
    given = record.http_content_type if record.is_http_parsed else record.headers.get("Content-Type")
    if (given or "").partition(";")[0].strip().lower() not in _HTML:
        return Skipped.NOT_HTML
    return Skipped.TRUNCATED if record.headers.get("WARC-Truncated") else None


def _payload(record: WarcRecord) -> bytes:
    """Return the bytes of a record's body; raises Rejected where they are too many, or fewer than it says."""
    size = record.content_length
    if size > _MOST_ENCODED:
        raise Rejected(Reason.TOO_LARGE, f"{size:,} bytes; at most {_MOST_ENCODED:,} are read")
    body = b""
    with suppress(OSError):  # a damaged member: what is missing tells
        body = record.reader.read(size)
    if len(body) < size:
        raise Rejected(Reason.SCHEMA, f"the record is cut: {len(body):,} of {size:,} bytes")
    return body
