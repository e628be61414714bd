"""Logs of the embedded stack: lines with their time, repeated ones counted, in files of bounded size and number.

A program writes into a pipe and the supervisor into the file: a file that another process writes cannot be rotated.
"""

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

MOST_BYTES = 8 * 1024 * 1024  # of one file
OLDER_FILES = 3  # kept beside it: .log.1 is the newest of them
_WINDOW = 8  # different lines that are known, so that two which alternate are counted too
_TOLD_EVERY = 60.0  # seconds until a count is written and the line may come again
_QUIET = 5.0  # seconds of silence after which counts are looked at
_LONGEST = 64 * 1024  # bytes of a line; a longer one is written in parts
Clock = Callable[[], float]  # seconds

_TIME = re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")


@dataclass
class _Held:
    line: str
    since: float
    count: int = 0


class Repetitions:
    """Which lines to write: the first of equal ones, and their number. Lines that differ in their time are equal."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def take(self, line: str, now: float) -> list[str]:
        """Return what is to be written for this line at ``now`` seconds."""
        told = self.due(now)
        key = _TIME.sub("", line)
        if held := self._held.get(key):
            held.count += 1
            return told
        if len(self._held) == _WINDOW:
            told += _told(self._held.pop(next(iter(self._held))))
        self._held[key] = _Held(line, now)
        return [*told, line]

    def due(self, now: float) -> list[str]:
        """Return the counts that are to be written by now; with infinity all of them."""
        over = [key for key, held in self._held.items() if now - held.since >= _TOLD_EVERY]
        return [line for key in over for line in _told(self._held.pop(key))]


def _told(held: _Held) -> list[str]:
    times = "once more" if held.count == 1 else f"{held.count} times"
    return [f"repeated {times}: {held.line}"] if held.count else []


class _File(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Lose the line where the disk is full: the supervisor must go on."""


class ProgramLog:
    """The log of one program; it is closed once the program has ended for good."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES, clock: Clock = time.monotonic) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _File(path, "a", most_bytes, OLDER_FILES, "utf-8", delay=True, errors="replace")
        self._clock, self._repetitions = clock, Repetitions()

    def write(self, line: str) -> None:
        self._put(self._repetitions.take(line, self._clock()))

    def flush(self) -> None:
        """Write the counts that are due, also where no further line comes."""
        self._put(self._repetitions.due(self._clock()))

    def close(self) -> None:
        self._put(self._repetitions.due(float("inf")))
        with suppress(OSError):
            self._file.close()

    async def copy(self, stream: asyncio.StreamReader) -> None:
        """Write what a program says, line by line, until it closes its end."""
        rest = b""
        while True:
            try:
                part = await asyncio.wait_for(stream.read(_LONGEST), _QUIET)
            except TimeoutError:
                self.flush()
                continue
            *lines, rest = (rest + part).split(b"\n")
            if len(rest) > _LONGEST or not part:
                lines, rest = [*lines, rest], b""
            for line in lines:
                if line:
                    self.write(line.decode("utf-8", "replace"))
            if not part:
                return

    def _put(self, lines: list[str]) -> None:
        for line in lines:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._file.emit(logging.makeLogRecord({"msg": f"{now} {line}"}))


@dataclass(frozen=True, order=True)
class LogLine:
    """One line of a log, when it was written, and by which program."""

    at: datetime
    program: str
    text: str


def programs(folder: Path) -> list[str]:
    """Return the programs that have a log in this folder."""
    return sorted(path.stem for path in folder.glob("*.log"))


def read(folder: Path, program: str) -> Iterator[LogLine]:
    """Yield the lines of a program's log, the oldest first."""
    older = [folder / f"{program}.log.{number}" for number in range(OLDER_FILES, 0, -1)]
    at = datetime.min.replace(tzinfo=UTC)
    for path in (*older, folder / f"{program}.log"):
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                found = parsed(program, line, at)
                at = found.at
                yield found


def parsed(program: str, line: str, before: datetime) -> LogLine:
    """Return a line; one without a time, which an older release wrote, has that of the line before."""
    moment, _, text = line.rstrip("\n").partition(" ")
    with suppress(ValueError):
        at = datetime.fromisoformat(moment)
        if at.tzinfo:
            return LogLine(at, program, text)
    return LogLine(before, program, line.rstrip("\n"))


class LogTail:
    """What is added to a program's log from now on, also when it is rotated meanwhile."""

    def __init__(self, folder: Path, program: str) -> None:
        self._path, self._program = folder / f"{program}.log", program
        self._file = self._path.open(encoding="utf-8", errors="replace")
        self._file.seek(0, 2)
        self._at, self._rest = datetime.now(UTC), ""

    def added(self) -> Iterator[LogLine]:
        """Yield the lines since the last call."""
        yield from self._lines()
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino != self._inode:
                fresh = self._path.open(encoding="utf-8", errors="replace")
                yield from self._lines()  # written between the last read and the rotation
                self._file.close()
                self._file = fresh
                yield from self._lines()

    @property
    def _inode(self) -> int:
        return os.fstat(self._file.fileno()).st_ino

    def _lines(self) -> Iterator[LogLine]:
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            found = parsed(self._program, line, self._at)
            self._at = found.at
            yield found
