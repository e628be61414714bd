"""What people hand to the command line, as submissions: text, HTML, JSON, JSON Lines, folders, pipes.

Everything is read as it is needed: a file of any size takes the memory of one article.
"""

import codecs
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import UnsupportedOperation
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from services.ingest.readers.source_field import with_source
from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, ArticleSubmitted
from shared.topology import MAX_MESSAGE_BYTES
from shared.web.charsets import decode_text
from wireroom.publisher import json_stream

STDIN = "-"
_JSON_LINES = {".jsonl", ".ndjson"}
_HTML = {".html", ".htm", ".xhtml"}
_TEXT = {".txt", ".text", ".md"}
_READ_IN_FOLDERS = _JSON_LINES | _HTML | _TEXT | {".json"}
_MOST_BYTES = 4 * MAX_BODY_BYTES  # of a text: UTF-32 takes four bytes where UTF-8 takes one
_MOST_JSON_BYTES = 4 * MAX_MESSAGE_BYTES  # of one article as JSON: escapes may take more than what is sent
_CHUNK = 64 * 1024
_HEAD = 64  # bytes that show what an input is
_MOST_BLANK = 64 * 1024  # bytes of white space before it
_OTHER_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


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
    line: int | None = None  # of its file, or the number of an element; it ends the origin

    @property
    def file(self) -> str:
        """Return the name of the file as it was given."""
        return self.origin if self.line is None else self.origin.removesuffix(f":{self.line}")


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
        found = [str(p) for p in sorted(path.rglob("*")) if p.suffix.lower() in _READ_IN_FOLDERS and p.is_file()]
        if not found:
            raise Unreadable(f"{name}: no .txt, .md, .html, .json or .jsonl file in this folder")
    for file in found:
        if not os.access(file, os.R_OK):
            raise Unreadable(f"{file}: may not be read")
    return found


def read(files: Iterable[str], *, source: str) -> Iterator[Submission]:
    """Yield the submissions in input order; ``source`` is for what names none. Raises Unreadable."""
    for name in files:
        try:
            with _opened(name) as file:
                yield from _submissions(name, file, source)
        except OSError as error:
            raise Unreadable(f"{name}: {error.strerror}") from None


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


def _submissions(name: str, file: BinaryIO, source: str) -> Iterator[Submission]:
    kind = Path(name).suffix.lower() if name != STDIN else ""
    if kind in _HTML | _TEXT and (size := _size(file)) > _MOST_BYTES:
        yield _too_large(name, f"{size:,}")
        return
    chunks = iter(lambda: file.read(_CHUNK), b"")
    head = _head(chunks)
    if not _plain(head).strip():
        yield Submission(name, b"", Rejected(Reason.EMPTY_BODY, _nothing_in(name)))
        return
    is_json = kind in _JSON_LINES | {".json"} or (
        kind not in _READ_IN_FOLDERS and json_stream.looks_like_json(_plain(head))
    )
    if not is_json:
        yield _text(name, kind, head, chunks, source)
        return
    for found in json_stream.values(_as_utf_8(head, chunks), _MOST_JSON_BYTES, named_lines=kind in _JSON_LINES):
        data = found.data if found.refusal else with_source(found.data, source)
        yield Submission(f"{name}:{found.number}", data, found.refusal, found.number)


def _size(file: BinaryIO) -> int:
    """Return the size of a file, and 0 of a pipe, whose size nobody knows."""
    return os.fstat(file.fileno()).st_size


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


def _text(name: str, kind: str, head: bytes, chunks: Iterator[bytes], source: str) -> Submission:
    parts, size = [head], len(head)
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > _MOST_BYTES:
            return _too_large(name, f"more than {_MOST_BYTES:,}")
    begins = _plain(head).lstrip().lower()
    is_html = kind in _HTML or (kind not in _TEXT and begins.startswith((b"<!doctype html", b"<html")))
    return _one_article(name, b"".join(parts), "text/html" if is_html else "text/plain", source)


def _too_large(name: str, size: str) -> Submission:
    limit = f"an article has at most {MAX_BODY_BYTES:,} as UTF-8"
    return Submission(name, b"", Rejected(Reason.TOO_LARGE, f"{size} bytes; {limit}"))


def _one_article(name: str, data: bytes, media_type: str, source: str) -> Submission:
    submission = _article(name, data, media_type, source)
    try:
        decode(submission, ArticleSubmitted)
    except Rejected as verdict:
        return Submission(name, submission, verdict)
    return Submission(name, submission)


def _article(name: str, data: bytes, media_type: str, source: str) -> bytes:
    article = {"source": source, "body": decode_text(data), "media_type": media_type}
    if name != STDIN and Path(name).is_file():  # the file names it: published changed it is a second version
        article["guid"] = file_guid(name)
    return json.dumps(article).encode()


def file_guid(name: str) -> str:
    """Return the guid of a file's article: of its absolute path, which itself stays private."""
    return f"file:{sha256(str(Path(name).resolve()).encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
