"""Saves and restores everything that broker and database hold, streams first.

Streams are saved in the order in which an article passes them, then the database: what was acknowledged before the
backup began is in one of them, unread where it had not come further. What is there twice ends as one, by its version.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nats.aio.client import Client
from nats.js import JetStreamContext

from shared import __version__
from shared.topology import ACCOUNTING, buckets, streams
from wireroom.ops.backups import backup_manifest, collection_files, stream_snapshots
from wireroom.ops.backups.backup_manifest import Manifest, SavedStream
from wireroom.ops.backups.collection_files import Documents

Say = Callable[[str], None]


@dataclass(frozen=True)
class SavedBroker:
    """The first half of a backup."""

    began: datetime
    server: str
    streams: tuple[SavedStream, ...]


def new_folder(folder: Path) -> None:
    """Make the folder of a backup, or take one that is empty; raises FileExistsError if it is not, and OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")


async def save_broker(connection: Client, folder: Path, say: Say) -> SavedBroker:
    """Save every stream with its consumers."""
    began, js = datetime.now(UTC), connection.jetstream(timeout=10)
    saved = []
    for name in stream_snapshots.in_order([str(info.config.name) for info in await js.streams_info()]):
        say(f"stream {name}")
        saved.append(await stream_snapshots.save(connection, name, folder))
    return SavedBroker(began, str(connection.connected_server_version), tuple(saved))


def save_database(broker: SavedBroker, database: Documents, folder: Path, say: Say) -> Manifest:
    """Save every collection, and complete the backup; returns its manifest."""
    say(f"database {database.name}")
    collections = collection_files.save_all(database, folder)
    manifest = Manifest(
        v=backup_manifest.VERSION,
        wireroom=__version__,
        nats_server=broker.server,
        mongodb=str(database.client.server_info()["version"]),
        database=database.name,
        began=broker.began,
        ended=datetime.now(UTC),
        streams=broker.streams,
        collections=collections,
    )
    backup_manifest.save(folder, manifest)
    return manifest


async def held_by_broker(js: JetStreamContext) -> list[str]:
    """Return which streams hold something, or have; what `wireroom setup` notes in an empty broker is nothing."""
    infos = await js.streams_info()
    return [str(info.config.name) for info in infos if info.state.last_seq and info.config.name != f"KV_{ACCOUNTING}"]


async def in_use(js: JetStreamContext, manifest: Manifest) -> list[str]:
    """Return the durables that services read now: they would work on what is half restored."""
    return await stream_snapshots.readers(js, _replaced(manifest))


def restore_database(manifest: Manifest, database: Documents, folder: Path, say: Say) -> None:
    """Put every collection of a backup in the place of what the database holds; raises Incomplete."""
    collection_files.drop_all(database)
    for collection in manifest.collections:
        say(f"collection {collection.name}: {collection.documents}")
        collection_files.restore(database, collection, folder)


async def restore_broker(connection: Client, manifest: Manifest, folder: Path, replicas: int, say: Say) -> None:
    """Put every stream of a backup in the place of what the broker holds, with so many replicas; raises Refused."""
    js = connection.jetstream(timeout=30)
    there = {str(info.config.name) for info in await js.streams_info()}
    for name in there.intersection(_replaced(manifest)):
        await js.delete_stream(name)
    for stream in manifest.streams:
        say(f"stream {stream.name}: {stream.state.get('messages', 0)}")
        await stream_snapshots.restore(connection, stream, folder, replicas)


def _replaced(manifest: Manifest) -> Sequence[str]:
    ours = {*(str(each.name) for each in streams()), *(f"KV_{each.bucket}" for each in buckets())}
    return sorted(ours | {stream.name for stream in manifest.streams})
