"""E-mail: a message (.eml) or a mailbox (mbox) as articles, from the HTML or text part, with subject and date.

``Archived-At`` (RFC 5064) is the link where a list or newsletter keeps the message. Where there is one it names the
article, else ``Message-ID`` does: the same newsletter has one link and a message id for each sending.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from shared.errors import Reason, Rejected
from shared.web.charsets import codec_of, decode_text
from wireroom.publisher.archives.records import MOST_TEXT, Record, lines_of

MOST_MESSAGE = 32 * 1024 * 1024  # bytes with attachments; mail servers take 25 to 50 MB
_MOST_PARTS = 1000
_MOST_LINE = 1024 * 1024  # bytes; the standard has 998
_MOST_HEADER = 16 * 1024  # characters of one
_LINK = re.compile(r"https?://[^\s<>]+", re.IGNORECASE)
_ESCAPED_FROM = re.compile(rb"^>(>*From )")
_KINDS = ("text/html", "text/plain")  # the best first


def message_fields(data: bytes) -> dict[str, Any]:
    """Return the fields of ``ArticleSubmitted``; raises Rejected for what has no text."""
    try:
        message = message_from_bytes(data)
        found = _best_part(message)
    except (MessageError, RecursionError, ValueError, LookupError) as error:
        raise Rejected(Reason.SCHEMA, f"no e-mail that can be read: {str(error)[:80]}") from None
    if found is None:
        raise Rejected(Reason.EMPTY_BODY, "the message has no part with text")
    media_type, body = found
    link = _LINK.search(_header(message, "Archived-At"))
    made = {
        "url": link[0] if link else None,
        "guid": None if link else _header(message, "Message-ID").strip("<> ")[:1024],
        "title": _header(message, "Subject")[:2000],
        "published_at": _date(_header(message, "Date")),
        "media_type": media_type,
        "body": body,
    }
    return {name: value for name, value in made.items() if value}


def _best_part(message: Message) -> tuple[str, str] | None:
    """Return type and text of the first HTML part, else of the first plain one; attachments are none."""
    best = dict[str, str]()
    for number, part in enumerate(message.walk()):
        if number > _MOST_PARTS:
            raise Rejected(Reason.TOO_LARGE, f"more than {_MOST_PARTS:,} parts")
        kind = part.get_content_type()
        if kind not in _KINDS or kind in best or part.get_content_disposition() == "attachment":
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and payload.strip():
            if len(payload) > MOST_TEXT:
                raise Rejected(Reason.TOO_LARGE, f"{len(payload):,} bytes; at most {MOST_TEXT:,} are read")
            best[kind] = decode_text(payload, str(part.get_param("charset", "") or ""))
    return next(((kind, best[kind]) for kind in _KINDS if kind in best), None)


def _header(message: Message, name: str) -> str:
    """Return a header's text on one line; encoded words that cannot be decoded stay as they are."""
    raw = message.get(name, "")
    raw = raw[:_MOST_HEADER] if isinstance(raw, str) else raw
    try:
        parts = decode_header(raw)
        known = all(codec_of(charset) for _, charset in parts if charset and charset != "unknown-8bit")
        text = str(make_header(parts)) if known else str(raw)
    except (HeaderParseError, LookupError, ValueError):
        text = str(raw)
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(text.split())


def _date(text: str) -> str | None:
    """Return RFC 3339, or None where there is no date or its offset is not known."""
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed.isoformat() if parsed.tzinfo else None


def eml_articles(chunks: Iterator[bytes]) -> Iterator[Record]:
    """Yield the one message, without a number."""
    data, size = bytearray(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_MESSAGE:
            yield Record(None, refusal=_too_large(size))
            return
        data += chunk
    yield _record(None, bytes(data))


def mbox_articles(chunks: Iterator[bytes]) -> Iterator[Record]:
    """Yield a record for each message, numbered from 1 (mboxrd and mboxo: ``From `` at the begin of a line)."""
    number, message, size, blank = 0, bytearray(), 0, True
    for line in lines_of(chunks, _MOST_LINE):
        if line is not None and blank and line.startswith(b"From "):
            if number:
                yield _bounded(number, message, size)
            number, size = number + 1, 0
            message.clear()
            continue
        blank = line is not None and not line.strip()
        size += _MOST_LINE if line is None else len(line)
        if line is not None and size <= MOST_MESSAGE:
            message += _ESCAPED_FROM.sub(rb"\1", line)
    if number:
        yield _bounded(number, message, size)


def looks_like_mbox(head: bytes) -> bool:
    return head.startswith(b"From ") and b"\n" in head and b":" in head.partition(b"\n")[2]


def _bounded(number: int, message: bytearray, size: int) -> Record:
    if size > MOST_MESSAGE:
        return Record(number, refusal=_too_large(size))
    return _record(number, bytes(message))


def _too_large(size: int) -> Rejected:
    return Rejected(Reason.TOO_LARGE, f"{size:,} bytes or more; a message has at most {MOST_MESSAGE:,}")


def _record(number: int | None, data: bytes) -> Record:
    try:
        return Record(number, message_fields(data))
    except Rejected as refusal:
        return Record(number, refusal=refusal)
