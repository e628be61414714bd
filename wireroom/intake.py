"""What people hand to the command line, as submissions: text, HTML, JSON, JSON Lines, folders, standard input."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from shared.decoding import decode
from shared.errors import Reason, Rejected
from shared.messages import MAX_BODY_BYTES, ArticleSubmitted
from wireroom.charsets import decode_text

STDIN = "-"
_JSON_LINES = {".jsonl", ".ndjson"}
_HTML = {".html", ".htm", ".xhtml"}
_MOST_BYTES = 4 * MAX_BODY_BYTES  # of a text: UTF-32 takes four bytes where UTF-8 takes one
_READ_IN_FOLDERS = _JSON_LINES | _HTML | {".json", ".txt", ".text", ".md"}


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


def find(paths: Sequence[str]) -> list[str]:
    """Return the files to read, folders searched and sorted; raises Unreadable before anything is published."""
    found: list[str] = []
    for name in paths:
        path = Path(name)
        if name == STDIN or path.is_file():
            found.append(name)
        elif path.is_dir():
            inside = [str(p) for p in sorted(path.rglob("*")) if p.suffix.lower() in _READ_IN_FOLDERS and p.is_file()]
            if not inside:
                raise Unreadable(f"{name}: no .txt, .md, .html, .json or .jsonl file in this folder")
            found += inside
        else:
            raise Unreadable(f"{name}: no such file or folder")
    return found


def read(files: Sequence[str], *, source: str) -> Iterator[Submission]:
    """Yield the submissions in input order; ``source`` is for what names none. Raises Unreadable."""
    for name in files:
        try:
            if (size := _size_of_text(name)) > _MOST_BYTES:
                yield _too_large(name, size)
                continue
            data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
        except OSError as error:
            raise Unreadable(f"{name}: {error.strerror}") from None
        yield from _split(name, data, source)


def _size_of_text(name: str) -> int:
    """Return the size of a file that holds one article, and 0 of what may hold many."""
    if name == STDIN or Path(name).suffix.lower() in _JSON_LINES | {".json"}:
        return 0
    return Path(name).stat().st_size


def _too_large(name: str, size: int) -> Submission:
    limit = f"an article has at most {MAX_BODY_BYTES:,} as UTF-8"
    return Submission(name, b"", Rejected(Reason.TOO_LARGE, f"{size:,} bytes; {limit}"))


def _split(name: str, data: bytes, source: str) -> Iterator[Submission]:
    suffix = Path(name).suffix.lower() if name != STDIN else _kind_of(data)
    if suffix in _JSON_LINES:
        for number, line in enumerate(data.splitlines(), 1):
            if line.strip():
                yield Submission(f"{name}:{number}", _with_source(line, source))
    elif suffix == ".json":
        yield from _json_file(name, data, source)
    else:
        yield _one_article(name, data, "text/html" if suffix in _HTML else "text/plain", source)


def _kind_of(data: bytes) -> str:
    head = data.lstrip()[:200].lower()
    if head.startswith(b"{"):
        return ".jsonl"
    return ".html" if head.startswith((b"<!doctype html", b"<html")) else ".txt"


def _json_file(name: str, data: bytes, source: str) -> Iterator[Submission]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        yield Submission(name, data)  # the pipeline sets it aside with its reason
        return
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        yield Submission(f"{name}:{number}", _with_source(json.dumps(item, ensure_ascii=False).encode(), source))


def _with_source(line: bytes, source: str) -> bytes:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(value, dict) or "source" in value:
        return line
    return json.dumps({"source": source, **value}).encode()


def _one_article(name: str, data: bytes, media_type: str, source: str) -> Submission:
    if len(data) > _MOST_BYTES:
        return _too_large(name, len(data))
    submission = _article(name, data, media_type, source)
    try:
        decode(submission, ArticleSubmitted)
    except Rejected as verdict:
        return Submission(name, submission, verdict)
    return Submission(name, submission)


def _article(name: str, data: bytes, media_type: str, source: str) -> bytes:
    article = {"source": source, "body": decode_text(data), "media_type": media_type}
    if name != STDIN:  # the file names the article, so that publishing it changed makes a second version of it
        article["guid"] = file_guid(name)
    return json.dumps(article).encode()


def file_guid(name: str) -> str:
    """Return the guid of a file's article: of its absolute path, which itself stays private."""
    return f"file:{sha256(str(Path(name).resolve()).encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
