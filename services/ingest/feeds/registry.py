"""Feeds in the broker's bucket, shared by all replicas of ingest: read as they change, claimed by compare-and-set.

A claim is a lease in the record itself: whoever writes it first, by the revision that both have read, polls the feed.
A lease that its holder never gave back, because it was killed, ends at its time.
"""

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KV_DEL, KV_OP, KV_PURGE, KeyValue

from services.ingest.feeds.feed_record import FeedRecord, SeenEntries, feed_id, parse_record
from shared.broker import stream_reader
from shared.broker.kv import Bucket, Contents
from shared.errors import Unavailable
from shared.topology import FEED_ENTRIES, FEEDS

RECORDS = Bucket[str, FeedRecord](FEEDS, parse_record)
_MOST_CHANGES = 500  # read one by one; beyond, everything is read anew
_TRIES = 20  # of a change that others make too
MAX_SEEN = 1_000  # digests of entries that are no longer in their feed

Edit = Callable[[FeedRecord], FeedRecord]


def process_name() -> str:
    """Return a name for this process in leases, which no other has."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"


async def everything(js: JetStreamContext) -> Contents[str, FeedRecord]:
    """Return all feeds by their id."""
    return await RECORDS.all(js)


async def add(js: JetStreamContext, record: FeedRecord) -> bool:
    """Add a feed; False where it is there already."""
    bucket = await RECORDS.open(js)
    try:
        await bucket.create(feed_id(record.url), record.model_dump_json().encode())
    except KeyWrongLastSequenceError:
        return False
    return True


async def change(js: JetStreamContext, name: str, edit: Edit) -> FeedRecord | None:
    """Change a feed, whatever others change meanwhile; None where there is no such feed."""
    bucket = await RECORDS.open(js)
    for _ in range(_TRIES):
        record, revision = await RECORDS.get(bucket, name)
        if record is None:
            return None
        try:
            await bucket.update(name, edit(record).model_dump_json().encode(), last=revision)
        except KeyWrongLastSequenceError:
            continue
        return record
    raise Unavailable("NATS bucket", f"{FEEDS}.{name}", f"others changed it {_TRIES} times in between")


async def remove(js: JetStreamContext, name: str) -> bool:
    """Remove a feed with what is known of its entries; False where there is none."""
    bucket = await RECORDS.open(js)
    if (await RECORDS.get(bucket, name))[0] is None:
        return False
    await bucket.purge(name)
    await (await js.key_value(FEED_ENTRIES)).purge(name)
    return True


@dataclass(frozen=True)
class Revised:
    record: FeedRecord
    revision: int


def _sequences(read_to: int, last: int) -> range:
    """Return what was written since; of a long time only the latest, which are more than are read one by one."""
    return range(max(read_to + 1, last - 20 * _MOST_CHANGES), last + 1)


class Registry:
    """The feeds as this process knows them; ``holder`` names it in the leases that it takes."""

    def __init__(self, js: JetStreamContext, holder: str) -> None:
        self._js, self._holder = js, holder
        self._known: dict[str, Revised] = {}
        self._read_to = 0
        self._written = set[int]()  # revisions of our own since the last reading
        self._records: KeyValue | None = None
        self._entries: KeyValue | None = None

    @property
    def records(self) -> dict[str, FeedRecord]:
        return {name: each.record for name, each in self._known.items()}

    def record(self, name: str) -> FeedRecord | None:
        found = self._known.get(name)
        return found.record if found else None

    async def refresh(self) -> bool:
        """Read what changed since the last time; tells whether anything did. Raises Unavailable."""
        try:
            last = (await self._js.stream_info(RECORDS.stream)).state.last_seq
        except NotFoundError:
            raise Unavailable("NATS bucket", FEEDS, "it was never made; run `wireroom setup`") from None
        except (NatsError, TimeoutError, OSError) as error:
            raise Unavailable("NATS bucket", FEEDS, str(error) or type(error).__name__) from error
        if last == self._read_to:
            return False
        changes = [each for each in _sequences(self._read_to, last) if each not in self._written]
        if not 0 < self._read_to <= last or len(changes) > _MOST_CHANGES:
            await self._read_all()
        else:
            for sequence in changes:
                await self._read_one(sequence)
        self._written = {each for each in self._written if each > last}
        self._read_to = last
        return True

    async def _read_all(self) -> None:
        self._known = {}
        async for message in RECORDS.messages(self._js):
            if found := RECORDS.entry(message):
                self._known[found[0]] = Revised(found[1], message.metadata.sequence.stream)

    async def _read_one(self, sequence: int) -> None:
        stored = await stream_reader.get(self._js, RECORDS.stream, sequence)
        if stored is None:  # a later value of the same feed has taken its place
            return
        name = stored.subject.removeprefix(RECORDS.subjects.removesuffix(">"))
        if stored.headers.get(KV_OP) in {KV_DEL, KV_PURGE}:
            self._known.pop(name, None)
            return
        known = self._known.get(name)
        if known is None or known.revision < sequence:
            try:
                self._known[name] = Revised(parse_record(name, stored.data)[1], sequence)
            except ValueError:  # none of ours
                self._known.pop(name, None)

    async def claim(self, name: str, now: datetime, seconds: float) -> FeedRecord | None:
        """Take the lease of a feed that is due; None where another has it, or the feed has changed."""
        known = self._known.get(name)
        if known is None or not known.record.is_due(now):
            return None
        claimed = known.record.claimed(self._holder, now, seconds)
        return claimed if await self._write(name, claimed, known.revision) else None

    async def settle(self, name: str, edit: Edit) -> FeedRecord | None:
        """Write what became of a poll and give the lease back; None where the lease was lost or the feed removed."""
        known = self._known.get(name)
        for _ in range(_TRIES):
            if known is None or known.record.holder != self._holder:
                return None
            settled = edit(known.record).released()
            if await self._write(name, settled, known.revision):
                return settled
            record, revision = await RECORDS.get(await self._bucket(), name)
            known = Revised(record, revision) if record else None
        return None

    async def _write(self, name: str, record: FeedRecord, revision: int) -> bool:
        bucket = await self._bucket()
        try:
            made = await bucket.update(name, record.model_dump_json().encode(), last=revision)
        except KeyWrongLastSequenceError:
            return False
        self._known[name] = Revised(record, made)
        self._written.add(made)
        return True

    async def _bucket(self) -> KeyValue:
        if self._records is None:
            self._records = await RECORDS.open(self._js)
        return self._records

    async def seen(self, name: str) -> SeenEntries:
        """Return the digests of the entries of a feed that were dealt with."""
        try:
            entry = await (await self._seen_bucket()).get(name)
        except KeyNotFoundError:
            return SeenEntries()
        return SeenEntries(entry.value or b"")

    async def remember(self, name: str, digests: bytes) -> None:
        await (await self._seen_bucket()).put(name, digests)

    async def _seen_bucket(self) -> KeyValue:
        if self._entries is None:
            self._entries = await self._js.key_value(FEED_ENTRIES)
        return self._entries
