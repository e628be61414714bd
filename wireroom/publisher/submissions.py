"""What people hand to the command line, as submissions: text, HTML, JSON, archives, folders, pipes.

Everything is read as it is needed: a file of any size takes the memory of one article.
"""

import codecs
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from io import UnsupportedOperation
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import orjson

from services.ingest.readers import news_formats, ninjs
from services.ingest.readers.news_item import NewsItem
from services.ingest.readers.source_field import with_source
from shared.decoding import check_fields
from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, ArticleSubmitted
from shared.web.charsets import decode_text
from wireroom.publisher import json_stream
from wireroom.publisher.archives import decompression, mail_files, tables, zip_members
from wireroom.publisher.archives.records import MOST_JSON, MOST_TEXT, BrokenArchive, Record, Skipped
from wireroom.publisher.input_formats import NEEDS_A_FILE, Format, by_magic, by_name, compression_by_magic

STDIN = "-"
_CHUNK = 64 * 1024
_HEAD = 64  # bytes that show what an input is
_MOST_BLANK = 64 * 1024  # bytes of white space before it
_OTHER_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECOMPRESS: Mapping[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "gzip": decompression.gunzip,
    "zstd": decompression.unzstd,
}


class Unreadable(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A path that cannot be read: says which, and why."""


@dataclass(frozen=True)
class Submission:
    """The bytes to publish and where they came from; JSON that is no submission travels as it is.

    A text or HTML file has no sender who could mend a dead letter, so what ingest would refuse is refused here.
    """

    origin: str
    data: bytes
    refusal: Rejected | None = None  # why it is not to be sent
    line: int | None = None  # of its file, the number of an element, or the offset of a WARC record; ends the origin
    skipped: Skipped | None = None  # why an archive's record is no article
    withdraws: str | None = None  # the article that it names is to be withdrawn, for this reason

    @property
    def file(self) -> str:
        """Return the name of the file as it was given."""
        return self.origin if self.line is None else self.origin.removesuffix(f":{self.line}")


@dataclass(frozen=True)
class Options:
    """How inputs are read. ``source`` is for what names none; ``columns``: field to column, of tables.

    ``starts``: by the name of a WARC file, the offset to begin at.
    """

    source: str
    format: Format = Format.AUTO
    columns: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Input:
    """``name`` is what messages call it; ``size`` is None where nobody knows; ``guid`` names its only article."""

    name: str
    kind: Format
    chunks: Iterator[bytes]
    size: int | None = None
    guid: str | None = None
    compression: str = ""


def find(paths: Sequence[str]) -> list[str]:
    """Return the files to read, folders searched and sorted; raises Unreadable before anything is published."""
    if paths.count(STDIN) > 1:
        raise Unreadable(f"{STDIN}: standard input can be read once only")
    return [found for name in paths for found in ([name] if name == STDIN else _found(name))]


def _found(name: str) -> list[str]:
    path = Path(name)
    try:
        kind = path.stat().st_mode
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise Unreadable(f"{name}: {'no such file or folder' if missing else error.strerror}") from None
    if stat.S_ISSOCK(kind):
        raise Unreadable(f"{name}: a socket, and neither a file nor a folder")
    found = [name]
    if stat.S_ISDIR(kind):
        found = [str(p) for p in sorted(path.rglob("*")) if by_name(p.name)[0] is not Format.AUTO and p.is_file()]
        if not found:
            raise Unreadable(
                f"{name}: no text, HTML, JSON, XML, table, e-mail or archive in this folder, by their names"
            )
    for file in found:
        if not os.access(file, os.R_OK):
            raise Unreadable(f"{file}: may not be read")
    return found


def read(files: Iterable[str], *, source: str, options: Options | None = None) -> Iterator[Submission]:
    """Yield the submissions in input order; ``source`` is for what names none. Raises Unreadable."""
    options = options or Options(source)
    for name in files:
        try:
            with _opened(name) as file:
                yield from _of_file(name, file, options)
        except OSError as error:
            raise Unreadable(f"{name}: {error.strerror}") from None
        except BrokenArchive as error:
            yield Submission(name, b"", Rejected(Reason.SCHEMA, str(error)))


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """Open without a buffer: a line of a pipe is here when it comes, and no lock is held while it does not."""
    if name == STDIN:
        try:
            number = sys.stdin.fileno()
        except UnsupportedOperation:  # of a test, in memory
            yield sys.stdin.buffer
            return
        yield open(number, "rb", buffering=0, closefd=False)  # noqa: SIM115 - it is open already
    else:
        with Path(name).open("rb", buffering=0) as file:
            yield file


def _of_file(name: str, file: BinaryIO, options: Options) -> Iterator[Submission]:
    kind, compression = by_name(name)
    regular = name != STDIN and Path(name).is_file()
    if kind is Format.AUTO and regular and not compression:
        kind = by_magic(file.read(_HEAD))
        file.seek(0)
    kind = kind if options.format is Format.AUTO else options.format
    start = start_of(name, options)
    if kind in NEEDS_A_FILE:
        if not regular or compression:
            raise BrokenArchive(f"{kind} is read from its end: give it as a file, and not compressed")
        records = _of_zip(name, file, options) if kind is Format.ZIP else _of_parquet(name, options)
        yield from records
        return
    size = os.fstat(file.fileno()).st_size if regular else None
    guid = file_guid(name) if regular else None  # published changed it is a second version
    if start:
        file.seek(start)
    chunks = iter(lambda: file.read(_CHUNK), b"")
    yield from _of_input(_Input(name, kind, chunks, size, guid, compression), options, start)


def start_of(name: str, options: Options) -> int:
    """Return the offset from which a file is read: 0 but for a WARC file whose records before it were answered."""
    kind = by_name(name)[0] if options.format is Format.AUTO else options.format
    return options.starts.get(name, 0) if kind is Format.WARC and Path(name).is_file() else 0


def _of_zip(name: str, file: BinaryIO, options: Options) -> Iterator[Submission]:
    """Yield what the members hold; whatever else is among them is skipped."""
    inside = replace(options, format=Format.AUTO)
    for member in zip_members.members(file):
        place = f"{name}/{member.name}"
        kind, compression = by_name(member.name)
        if kind is Format.AUTO or kind in NEEDS_A_FILE:
            yield Submission(place, b"", skipped=Skipped.NOT_TEXT)
            continue
        guid = f"{file_guid(name)}:{sha256(member.name.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
        try:
            yield from _of_input(_Input(place, kind, member.chunks, member.size, guid, compression), inside)
        except Rejected as refusal:
            yield Submission(place, b"", refusal)
        except BrokenArchive as error:
            yield Submission(place, b"", Rejected(Reason.SCHEMA, str(error)))


def _of_parquet(name: str, options: Options) -> Iterator[Submission]:
    for record in tables.parquet_articles(Path(name), options.columns):
        yield _submission(name, record, options.source)


def _of_input(given: _Input, options: Options, start: int = 0) -> Iterator[Submission]:
    """Yield what a stream of bytes holds, decompressed where its name or its first bytes say so."""
    if given.kind in {Format.HTML, Format.TEXT} and (given.size or 0) > MOST_TEXT and not given.compression:
        yield _too_large(given.name, f"{given.size:,}")
        return
    chunks = given.chunks
    if given.compression and given.kind is not Format.WARC:  # whose library counts offsets in the compressed file
        chunks = _DECOMPRESS[given.compression](chunks)
    head = _head(chunks)
    if not given.compression and given.kind is not Format.WARC and (found := compression_by_magic(head)):
        chunks = _DECOMPRESS[found](chain([head], chunks))
        head = _head(chunks)
    if not _plain(head).strip():
        yield Submission(given.name, b"", Rejected(Reason.EMPTY_BODY, _nothing_in(given.name)))
        return
    kind = _kind(given.kind, head)
    if kind in NEEDS_A_FILE:
        raise BrokenArchive(f"{kind} is read from its end: give it as a file")
    if reader := _readers(options, start).get(kind):
        whole = chain([head], chunks) if kind in {Format.WARC, Format.EML, Format.MBOX} else _as_utf_8(head, chunks)
        for record in reader(whole):
            yield _submission(given.name, record, options.source)
    elif kind is Format.XML:
        yield from _of_xml(given.name, chain([head], chunks), options.source)
    elif kind in {Format.JSON, Format.JSONL}:
        yield from _of_json(given.name, _as_utf_8(head, chunks), options.source, named_lines=kind is Format.JSONL)
    else:
        yield _of_text(given, kind, chain([head], chunks), options.source)


def _kind(kind: Format, head: bytes) -> Format:
    """Return the format, by its beginning where no name said it."""
    if kind is not Format.AUTO:
        return kind
    if (found := by_magic(head)) is not Format.AUTO:
        return found
    begins = _plain(head)
    if json_stream.looks_like_json(begins):
        return Format.JSON
    is_html = begins.lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return Format.HTML if is_html else Format.TEXT


def _readers(options: Options, start: int) -> Mapping[Format, Callable[[Iterator[bytes]], Iterator[Record]]]:
    def warc(chunks: Iterator[bytes]) -> Iterator[Record]:
        from wireroom.publisher.archives.warc_records import warc_articles  # noqa: PLC0415 - a tenth of a second

        return warc_articles(chunks, start)

    return {
        Format.WARC: warc,
        Format.CSV: partial(tables.csv_articles, columns=options.columns),
        Format.EML: mail_files.eml_articles,
        Format.MBOX: mail_files.mbox_articles,
    }


def _of_json(name: str, chunks: Iterator[bytes], source: str, *, named_lines: bool) -> Iterator[Submission]:
    for found in json_stream.values(chunks, MOST_JSON, named_lines=named_lines):
        origin = f"{name}:{found.number}"
        if found.refusal or not ninjs.may_be_ninjs(found.data):
            data = found.data if found.refusal else with_source(found.data, source)
            yield Submission(origin, data, found.refusal, found.number)
            continue
        try:
            item = news_formats.of_json(orjson.loads(found.data), datetime.now(UTC))
        except Rejected as refusal:
            yield Submission(origin, b"", refusal, found.number)
            continue
        except orjson.JSONDecodeError:
            item = None
        if item:
            yield _of_news_item(origin, item, source, found.number)
        else:
            yield Submission(origin, with_source(found.data, source), None, found.number)


def _of_xml(name: str, chunks: Iterator[bytes], source: str) -> Iterator[Submission]:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > MOST_JSON:
            yield _too_large(name, f"more than {MOST_JSON:,}")
            return
    try:
        found = list(news_formats.of_xml(bytes(data), datetime.now(UTC)))
    except Rejected as refusal:
        yield Submission(name, b"", refusal)
        return
    for number, item in enumerate(found, 1):
        place = (name, None) if len(found) == 1 else (f"{name}:{number}", number)
        if isinstance(item, Rejected):
            yield Submission(place[0], b"", item, place[1])
        else:
            yield _of_news_item(place[0], item, source, place[1])


def _of_news_item(origin: str, item: NewsItem, source: str, number: int | None) -> Submission:
    return replace(_checked(origin, {"source": source, **item.fields}, number), withdraws=item.withdraws)


def _submission(name: str, record: Record, source: str) -> Submission:
    """Return a record as what is sent; it has no sender who could mend a dead letter, so it is checked here."""
    origin = name if record.number is None else f"{name}:{record.number}"
    if record.fields is None:
        return Submission(origin, b"", record.refusal, record.number, record.skipped)
    return _checked(origin, {"source": source, **record.fields}, record.number)


def _checked(origin: str, fields: Mapping[str, object], number: int | None = None) -> Submission:
    data = b""
    try:
        data = orjson.dumps(fields)
        check_fields(fields, ArticleSubmitted)
    except TypeError:  # a lone surrogate
        return Submission(origin, data, Rejected(Reason.NOT_UTF8, "a field holds half of a character"), number)
    except Rejected as rejection:
        return Submission(origin, data, rejection, number)
    return Submission(origin, data, None, number)


def _head(chunks: Iterator[bytes]) -> bytes:
    """Read until it shows what it is."""
    head = b""
    while len(head.lstrip()) < _HEAD and len(head) < _MOST_BLANK and (chunk := next(chunks, b"")):
        head += chunk
        if b"\n" in head.lstrip():  # a line is enough, and of a pipe the next may be hours away
            break
    return head


def _nothing_in(name: str) -> str:
    return "standard input is empty" if name == STDIN else "field body is empty"


def _plain(head: bytes) -> bytes:
    return b"".join(_as_utf_8(head, iter(())))


def _as_utf_8(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same without a byte order mark, and UTF-16 and UTF-32 as UTF-8."""
    for bom, encoding in _OTHER_BOMS:
        if head.startswith(bom):
            decoder = codecs.getincrementaldecoder(encoding)("replace")
            return (decoder.decode(chunk).encode() for chunk in chain([head], chunks))
    return chain([head.removeprefix(codecs.BOM_UTF8)], chunks)


def _of_text(given: _Input, kind: Format, chunks: Iterator[bytes], source: str) -> Submission:
    parts, size = list[bytes](), 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MOST_TEXT:
            return _too_large(given.name, f"more than {MOST_TEXT:,}")
    media_type = "text/html" if kind is Format.HTML else "text/plain"
    fields = {"source": source, "body": decode_text(b"".join(parts)), "media_type": media_type}
    return _checked(given.name, fields | ({"guid": given.guid} if given.guid else {}))


def _too_large(name: str, size: str) -> Submission:
    limit = f"an article has at most {MAX_BODY_BYTES:,} as UTF-8"
    return Submission(name, b"", Rejected(Reason.TOO_LARGE, f"{size} bytes; {limit}"))


def file_guid(name: str) -> str:
    """Return the guid of a file's article: of its absolute path, which itself stays private."""
    return f"file:{sha256(str(Path(name).resolve()).encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
