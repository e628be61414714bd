"""The ledger of `wireroom publish`: one JSON line for each acknowledgement, with the file, the line and the content.

A run that broke off is resumed from it: what it says was acknowledged is not sent again. Each note also tells before
which place of its file everything was answered, so that an archive is read on from there and not from its beginning.
"""

import json
import threading
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from wireroom.publisher.sender import content_hash
from wireroom.publisher.submissions import Submission


class NoLedger(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A file that is not a ledger of ours: it is neither resumed nor written to."""


class Unwritable(Exception):  # noqa: N818 - what it is, to whoever catches it
    """The ledger cannot be opened or written to; the message says why."""


@dataclass
class _Before:
    """What a ledger tells of the run that is resumed: keys of what was acknowledged, and by file how far it came."""

    acknowledged: set[bytes] = field(default_factory=set)
    starts: dict[str, int] = field(default_factory=dict)
    places: dict[str, "array[int]"] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        file, line = record["file"], record["line"]
        self.acknowledged.add(_key(file, line, record["sha256"]))
        if isinstance(line, int):
            self.places.setdefault(file, array("q")).append(line)
        if isinstance(before := record.get("answered_before"), int):
            self.starts[file] = max(before, self.starts.get(file, 0))


class Ledger:
    """An open ledger; each note is in the file when the call returns, so that a power cut loses no more than one.

    ``starts``: file to the place before which a run that is resumed had everything answered.
    """

    def __init__(self, file: BinaryIO, run: str, before: "_Before | None" = None) -> None:
        before = before or _Before()
        self._file, self.run, self._acknowledged, self.starts = file, run, before.acknowledged, before.starts
        self._places = before.places
        self._lock = threading.Lock()  # what is read is told by another thread than what is answered
        self._open = dict[str, dict[int, None]]()  # file to the places that are read and not answered, in order

    def acknowledged_before(self, file: str, start: int) -> int:
        """Return how many were acknowledged of a file that is read on from ``start``."""
        return sum(place < start for place in self._places.get(file, ()))

    def begun(self, submission: Submission) -> None:
        """Take note that this was read and is going to be answered; in the order of the input."""
        if submission.line is not None:
            with self._lock:
                self._open.setdefault(submission.file, {})[submission.line] = None

    def answered(self, submission: Submission) -> int | None:
        """Take note that this was taken or refused.

        Return a place of its file before which everything is answered.
        """
        if submission.line is None:
            return None
        with self._lock:
            places = self._open.setdefault(submission.file, {})
            places.pop(submission.line, None)
            return next(iter(places), submission.line)

    def note(self, submission: Submission, sequence: int) -> None:
        """Write that the broker has it. Raises Unwritable."""
        record = {
            "run": self.run,
            "origin": submission.origin,
            "file": submission.file,
            "line": submission.line,
            "sha256": content_hash(submission),
            "sequence": sequence,
            "answered_before": self.answered(submission),
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
        last, before = run, _Before()
        for record in _records(path, file):
            last = record.get("run", last)
            if resume and "sha256" in record:
                before.add(record)
        yield Ledger(file, last if resume else run, before)


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
