"""Streams with the positions of their consumers, by JetStream's own snapshot API: to a file and back.

The services go on while a snapshot is taken. What was out for work then is delivered again at once after a restore:
nobody works on it any more. Needs nats-server 2.14, which can put a consumer back.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.broker.permissions import RESETS, RESTORES, SNAPSHOTS
from shared.errors import Unavailable
from shared.topology import EXTRACT, INGEST, STORE
from wireroom.ops.backups.backup_manifest import SavedStream, writing

_ANSWER = 30.0  # seconds for one answer of the broker
_CHECKED = 600.0  # seconds until a snapshot begins, or a restored stream is read: the broker checks every message
_CHUNK = 512 * 1024
_WINDOW = 8 * 1024 * 1024  # bytes that the broker sends before we have acknowledged them
_FIRST = tuple(consumer.stream for consumer in (INGEST, EXTRACT, STORE))


class Refused(Exception):  # noqa: N818 - what it is, to whoever catches it
    """The broker refuses to save or to restore a stream, and says why."""


def in_order(names: Sequence[str]) -> list[str]:
    """Return streams in the order in which an article passes them, and buckets last.

    What leaves a stream while it is saved is then in one that is saved later, or in the database.
    """
    known = [name for name in _FIRST if name in names]
    others = sorted((name for name in names if name not in _FIRST), key=lambda name: (name.startswith("KV_"), name))
    return [*known, *others]


async def save(connection: Client, name: str, folder: Path) -> SavedStream:
    """Write a stream with its consumers into a file of the folder; raises Refused and TimeoutError."""
    js = connection.jetstream(timeout=_ANSWER)
    consumers = {
        str(info.name): info.ack_floor.stream_seq if info.ack_floor else 0
        for info in await js.consumers_info(name)
        if info.config.durable_name
    }
    inbox = connection.new_inbox()
    chunks = await connection.subscribe(inbox)
    try:
        wish = {"deliver_subject": inbox, "jsck": True, "chunk_size": _CHUNK, "window_size": _WINDOW}
        begun = await _asked(connection, f"{SNAPSHOTS}.{name}", wish, _CHECKED)
        with writing(folder / SavedStream.file_name(name)) as writer:
            while chunk := await _next(connection, chunks, name):
                writer.write(chunk)
    finally:
        await chunks.unsubscribe()
    return SavedStream(name=name, config=begun["config"], state=begun["state"], consumers=consumers, file=writer.saved)


async def _next(connection: Client, chunks: Subscription, name: str) -> bytes:
    """Return the next bytes, empty at the end."""
    message = await chunks.next_msg(_ANSWER)
    status = (message.headers or {}).get("Status", "204")
    if not message.data and status != "204":
        raise Refused(f"stream {name}: {(message.headers or {}).get('Description', status)}")
    if message.reply:
        await connection.publish(message.reply, b"")  # the broker sends so much without
    return message.data


async def restore(connection: Client, stream: SavedStream, folder: Path, replicas: int) -> None:
    """Make a stream that is not there from its file, with so many replicas; raises Refused and TimeoutError."""
    wish = {"config": stream.config | {"num_replicas": replicas}, "state": stream.state}
    begun = await _asked(connection, f"{RESTORES}.{stream.name}", wish, _ANSWER)
    where = str(begun["deliver_subject"])
    with stream.path(folder).open("rb") as file:
        while chunk := file.read(_CHUNK):
            _refused(stream.name, (await connection.request(where, chunk, timeout=_ANSWER)).data)
    _refused(stream.name, (await connection.request(where, b"", timeout=_CHECKED)).data)
    js = connection.jetstream(timeout=_ANSWER)
    last = (await js.stream_info(stream.name)).state.last_seq
    if last < int(stream.state.get("last_seq", 0)):
        raise Refused(f"stream {stream.name} ends at {last} instead of {stream.state.get('last_seq')}")
    await put_back_consumers(connection, stream.name, last)


async def put_back_consumers(connection: Client, name: str, last: int) -> None:
    """Let every consumer go on behind what it has acknowledged, or behind the last message of the stream.

    Before 2.15 nats-server writes the position of a consumer after the messages, so it may be beyond the last of them,
    and what is published up to it would never be delivered.
    """
    for info in await connection.jetstream(timeout=_ANSWER).consumers_info(name):
        delivered, acknowledged = (place.stream_seq if place else 0 for place in (info.delivered, info.ack_floor))
        if delivered > min(acknowledged, last):
            where = {"seq": last + 1} if acknowledged > last else {}  # none: behind what is acknowledged
            await _asked(connection, f"{RESETS}.{name}.{info.name}", where, _ANSWER)


async def readers(js: JetStreamContext, names: Sequence[str]) -> list[str]:
    """Return the durables of these streams that a service reads now."""
    found = []
    for name in names:
        try:
            infos = await js.consumers_info(name)
        except NotFoundError:
            continue
        found += [f"{name}/{info.name}" for info in infos if info.config.durable_name and info.num_waiting]
    return found


async def _asked(connection: Client, subject: str, wish: dict[str, Any], patience: float) -> dict[str, Any]:
    try:
        answer = await connection.request(subject, json.dumps(wish).encode(), timeout=patience)
    except NoRespondersError:
        raise Unavailable("NATS", subject, "JetStream does not answer") from None
    return _refused(subject.rpartition(".")[2], answer.data)


def _refused(name: str, data: bytes) -> dict[str, Any]:
    """Return an answer of JetStream, an empty one for a chunk that was taken; raises Refused for an error."""
    answer: dict[str, Any] = json.loads(data) if data else {}
    if error := answer.get("error"):
        raise Refused(f"stream {name}: {error.get('description', error)}")
    return answer
