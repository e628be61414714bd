"""The ledger of `wireroom publish`: one JSON line for each acknowledgement, with the file, the line and the content.

A run that broke off is resumed from it: what it says was acknowledged is not sent again.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from wireroom.publisher.sender import content_hash
from wireroom.publisher.submissions import Submission


class NoLedger(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A file that is not a ledger of ours: it is neither resumed nor written to."""


class Unwritable(Exception):  # noqa: N818 - what it is, to whoever catches it
    """The ledger cannot be opened or written to; the message says why."""


class Ledger:
    """An open ledger; each note is in the file when the call returns, so that a power cut loses no more than one."""

    def __init__(self, file: BinaryIO, run: str, acknowledged: frozenset[bytes]) -> None:
        self._file, self.run, self._acknowledged = file, run, acknowledged

    def note(self, submission: Submission, sequence: int) -> None:
        record = {
            "run": self.run,
            "origin": submission.origin,
            "file": submission.file,
            "line": submission.line,
            "sha256": content_hash(submission),
            "sequence": sequence,
        }
        try:
            self._file.write(json.dumps(record).encode() + b"\n")
        except OSError as error:
            raise Unwritable(f"{self._file.name} cannot be written: {error.strerror}") from None

    def has(self, submission: Submission) -> bool:
        """Tell whether a run that is resumed had this content of this place acknowledged."""
        return bool(self._acknowledged) and _key(submission.file, submission.line, content_hash(submission)) in (
            self._acknowledged
        )


@contextmanager
def opened(path: Path, run: str, *, resume: bool) -> Iterator[Ledger]:
    """Open a ledger to go on with; resumed, it has the id of its last run. Raises NoLedger or Unwritable."""
    try:
        file = path.open("ab", buffering=0)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror}") from None
    with file:
        last, acknowledged = run, set[bytes]()
        for record in _records(path, file):
            last = record.get("run", last)
            if resume and "sha256" in record:
                acknowledged.add(_key(record["file"], record["line"], record["sha256"]))
        yield Ledger(file, last if resume else run, frozenset(acknowledged))


def _records(path: Path, file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the notes; a last line that was cut by a crash is removed, for it says nothing that can be relied on."""
    with path.open("rb") as reading:
        whole = 0
        for line in reading:
            if not line.endswith(b"\n"):
                file.truncate(whole)
                return
            whole += len(line)
            if line.strip():
                yield _record(path, line)


def _record(path: Path, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
        int(record["sequence"])
    except (ValueError, KeyError, TypeError):
        raise NoLedger(f"{path} is no ledger of `wireroom publish --ledger`: {line[:80]!r}") from None
    return dict(record)


def _key(file: str, line: int | None, content: str) -> bytes:
    """Return few bytes that stand for a note: a file of a million lines is resumed in some dozens of megabytes."""
    return sha256(f"{file}\0{line}\0{content}".encode("utf-8", "surrogateescape")).digest()[:16]
