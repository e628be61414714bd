"""The manifest of a backup: what its files hold, with the checksum of each and of the manifest itself.

It is written last, so a folder without one is a backup that did not come to its end.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from services.setup.credentials import write_private

VERSION = 1
_NAME = "manifest.json"
_CHECKSUM = "sha256"
_BLOCK = 1024 * 1024


class DamagedBackup(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A folder that is no backup, or one whose files are not what its manifest says; ``problems`` has a line each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SavedFile(_Entry):
    size: int  # bytes
    sha256: str


class SavedStream(_Entry):
    """``config`` and ``state`` are JetStream's own; ``consumers`` are the durables with their acknowledged place."""

    name: str
    config: dict[str, Any]
    state: dict[str, Any]
    consumers: dict[str, int]
    file: SavedFile

    @staticmethod
    def file_name(name: str) -> str:
        return f"stream-{quote(name, safe='')}.snapshot"

    def path(self, folder: Path) -> Path:
        return folder / self.file_name(self.name)


class SavedCollection(_Entry):
    """``options`` and ``indexes`` are extended JSON, as MongoDB needs them to make the collection again."""

    name: str
    options: dict[str, Any]
    indexes: list[dict[str, Any]]
    documents: int
    file: SavedFile

    @staticmethod
    def file_name(name: str) -> str:
        return f"collection-{quote(name, safe='')}.bson"

    def path(self, folder: Path) -> Path:
        return folder / self.file_name(self.name)


class Manifest(_Entry):
    """``began`` and ``ended``: what was acknowledged before ``began`` is in the backup."""

    v: int
    wireroom: str
    nats_server: str
    mongodb: str
    database: str
    began: AwareDatetime
    ended: AwareDatetime
    streams: tuple[SavedStream, ...]
    collections: tuple[SavedCollection, ...]

    @property
    def messages(self) -> int:
        return sum(int(stream.state.get("messages", 0)) for stream in self.streams)

    @property
    def documents(self) -> int:
        return sum(collection.documents for collection in self.collections)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for _, file in self.files(Path()))

    def files(self, folder: Path) -> list[tuple[Path, SavedFile]]:
        streams = [(stream.path(folder), stream.file) for stream in self.streams]
        return [*streams, *((collection.path(folder), collection.file) for collection in self.collections)]


@dataclass
class Writer:
    """Writes one file of a backup and computes its checksum meanwhile."""

    _file: IO[bytes]
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def saved(self) -> SavedFile:
        return SavedFile(size=self.size, sha256=self._digest.hexdigest())


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Yield the writer of a new file that only its owner can read; it is on the disk after the block."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield Writer(file)
        file.flush()
        os.fsync(file.fileno())


def save(folder: Path, manifest: Manifest) -> None:
    """Complete a backup; its files are on the disk already."""
    content = manifest.model_dump(mode="json")
    write_private(folder / _NAME, json.dumps(content | {_CHECKSUM: _checksum(content)}, indent=1))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)  # the names of the files
    finally:
        os.close(descriptor)


def load(folder: Path) -> Manifest:
    """Return the manifest once every file was compared with it; raises DamagedBackup, and OSError."""
    manifest = _manifest(folder)
    if problems := [found for path, file in manifest.files(folder) if (found := _problem(path, file))]:
        raise DamagedBackup(*problems)
    return manifest


def _manifest(folder: Path) -> Manifest:
    path = folder / _NAME
    if not path.is_file():
        raise DamagedBackup(f"{path} is missing: this is no backup, or one that did not come to its end")
    try:
        content = json.loads(path.read_bytes())
        expected = content.pop(_CHECKSUM)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise DamagedBackup(f"{path} is damaged: it is no manifest") from None
    if expected != _checksum(content):
        raise DamagedBackup(f"{path} is damaged: its checksum is another one")
    if content.get("v") != VERSION:
        raise DamagedBackup(f"{path} is of version {content.get('v')}; this release reads version {VERSION}")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise DamagedBackup(f"{path} cannot be used: {error.error_count()} of its fields are wrong") from None


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _problem(path: Path, expected: SavedFile) -> str | None:
    if not path.is_file():
        return f"{path} is missing"
    if (size := path.stat().st_size) != expected.size:
        return f"{path} has {size} bytes instead of {expected.size}"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return None if digest.hexdigest() == expected.sha256 else f"{path} is damaged: its checksum is another one"
