"""Which articles were taken down: a tombstone for each in the broker, and a live copy of them in every process.

The text of a withdrawn article goes no further, whichever way it comes again: published anew, replayed, or in flight
while it was withdrawn. Tombstones have no end; ``wireroom withdraw --lift`` removes one.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyWrongLastSequenceError, NotFoundError
from pydantic import AwareDatetime

from shared.broker.kv import Bucket, is_deleted
from shared.broker.stream_reader import all_of
from shared.errors import Unavailable
from shared.messages import ArticleId, ArticleWithdrawn, Identity, Source, Value
from shared.topology import WITHDRAWN

log = logging.getLogger(__name__)

_TRIES = 20  # against others who write the same key
_NO_MESSAGE = 10057  # JetStream: there is none in this place


class Tombstone(Value):
    """That an article was taken down, since when and why; nothing of what it said."""

    id: ArticleId
    source: Source
    reason: str
    at: AwareDatetime
    names: tuple[str, ...] = ()  # hashes of its guid and links, by which it is asked for: wireroom/ops/tombstones.py

    def named(self, names: Iterable[str]) -> "Tombstone":
        """Return it with more names."""
        return self.model_copy(update={"names": tuple(dict.fromkeys((*self.names, *names)))})


def _tombstone(key: str, data: bytes) -> tuple[str, Tombstone]:
    tombstone = Tombstone.model_validate_json(data)
    if tombstone.id != key:
        raise ValueError("a tombstone of another article")
    return key, tombstone


TOMBSTONES = Bucket(WITHDRAWN, _tombstone)


class Withdrawn(Exception):  # noqa: N818 - what became of it
    """The article was taken down, so its text goes no further."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def withdrawal(article: Identity, reason: str) -> ArticleWithdrawn:
    """Return the event that tells every consumer to remove this version."""
    identity = {name: getattr(article, name) for name in Identity.model_fields}
    return ArticleWithdrawn(**identity, reason=reason)


class Withdrawals:
    """The tombstones as this process knows them; what the broker takes reaches it at once."""

    def __init__(self) -> None:
        self._tombstones: dict[str, Tombstone] = {}
        self._loading: asyncio.Task[None] | None = None

    def reason(self, article_id: str) -> str | None:
        """Return why the article was taken down, or None."""
        tombstone = self._tombstones.get(article_id)
        return tombstone.reason if tombstone else None

    async def follow(self, connection: Client, js: JetStreamContext) -> None:
        """Load what is there and hear of what comes; raises NatsError where the broker does not answer."""
        await connection.subscribe(TOMBSTONES.subjects, cb=self._note)  # before loading, so that nothing falls between
        await self.load(js)

    async def load(self, js: JetStreamContext) -> None:
        """Read all of them anew."""
        foreign = 0
        async for message in all_of(js, TOMBSTONES.stream, TOMBSTONES.subjects):
            foreign += not self._took(message)
        if foreign:
            log.warning("%d values of bucket %s are no tombstones of ours and are skipped", foreign, WITHDRAWN)

    def load_soon(self, js: JetStreamContext) -> None:
        """Read all of them anew beside other work; if the connection is lost meanwhile, its return calls this again."""

        async def load() -> None:
            with suppress(NatsError, TimeoutError):
                await self.load(js)

        self._loading = asyncio.create_task(load())

    async def _note(self, message: Msg) -> None:
        if not self._took(message):
            log.warning("%.120r holds no tombstone of ours and is skipped", message.subject)

    def _took(self, message: Msg) -> bool:
        """Take a tombstone over, or its end; return whether it is one of ours."""
        key = TOMBSTONES.key(message)
        if is_deleted(message):
            self._tombstones.pop(key, None)
        elif found := TOMBSTONES.entry(message):
            self._tombstones[key] = found[1]
        else:
            return False
        return True


async def withdraw(js: JetStreamContext, tombstone: Tombstone) -> Tombstone:
    """Set a tombstone and return it; one that is there already keeps its time and reason, and learns names."""
    bucket = await TOMBSTONES.open(js)
    for _ in range(_TRIES):
        found, revision = await TOMBSTONES.get(bucket, tombstone.id)
        made = found.named(tombstone.names) if found else tombstone
        if made == found:
            return made
        with suppress(KeyWrongLastSequenceError):
            await bucket.update(tombstone.id, made.model_dump_json().encode(), last=revision)
            return made
    raise Unavailable("NATS bucket", f"{WITHDRAWN}.{tombstone.id}", f"others changed it {_TRIES} times in between")


async def lift(js: JetStreamContext, article_id: str) -> None:
    """Remove a tombstone; without one nothing happens."""
    await (await TOMBSTONES.open(js)).purge(article_id)


async def erase(js: JetStreamContext, stream: str, sequence: int) -> None:
    """Overwrite a message on the broker's disk; one that is gone already stays gone."""
    try:
        await js.delete_msg(stream, sequence)
    except NotFoundError:
        return
    except (NatsError, TimeoutError) as error:
        if getattr(error, "err_code", None) != _NO_MESSAGE:
            raise Unavailable(f"NATS stream {stream}", str(sequence), str(error) or type(error).__name__) from error
