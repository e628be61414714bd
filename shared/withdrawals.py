"""Which articles were taken down: a tombstone for each in the broker, and a live copy of them in every process.

The text of a withdrawn article goes no further, whichever way it comes again: published anew, replayed, or in flight
while it was withdrawn. Tombstones have no end; ``wireroom withdraw --lift`` removes one.
"""

import asyncio
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KV_DEL, KV_OP, KV_PURGE, KeyValue
from pydantic import AwareDatetime

from shared.errors import Unavailable
from shared.messages import ArticleId, ArticleWithdrawn, Identity, Source, Value
from shared.reading import all_of
from shared.topology import WITHDRAWN

_SUBJECTS = f"$KV.{WITHDRAWN}.>"
_STREAM = f"KV_{WITHDRAWN}"
_NO_MESSAGE = 10057  # JetStream: there is none in this place


class Tombstone(Value):
    """That an article was taken down, since when and why; nothing of what it said."""

    id: ArticleId
    source: Source
    reason: str
    at: AwareDatetime


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
        await connection.subscribe(_SUBJECTS, cb=self._note)  # before loading, so that nothing falls between
        await self.load(js)

    async def load(self, js: JetStreamContext) -> None:
        """Read all of them anew."""
        async for message in all_of(js, _STREAM, _SUBJECTS):
            await self._note(message)

    def load_soon(self, js: JetStreamContext) -> None:
        """Read all of them anew beside other work; if the broker goes away meanwhile its return comes here again."""

        async def load() -> None:
            with suppress(NatsError, TimeoutError):
                await self.load(js)

        self._loading = asyncio.create_task(load())

    async def _note(self, message: Msg) -> None:
        key = message.subject.rpartition(".")[2]
        if (message.headers or {}).get(KV_OP) in {KV_DEL, KV_PURGE}:
            self._tombstones.pop(key, None)
        else:
            self._tombstones[key] = Tombstone.model_validate_json(message.data)


async def withdraw(js: JetStreamContext, tombstone: Tombstone) -> Tombstone:
    """Set a tombstone and return it; one that is there already stays, with its own time and reason."""
    bucket = await _bucket(js)
    try:
        await bucket.create(tombstone.id, tombstone.model_dump_json().encode())
    except KeyWrongLastSequenceError:
        return Tombstone.model_validate_json((await bucket.get(tombstone.id)).value or b"")
    return tombstone


async def lift(js: JetStreamContext, article_id: str) -> None:
    """Remove a tombstone; without one nothing happens."""
    await (await _bucket(js)).purge(article_id)


async def _bucket(js: JetStreamContext) -> KeyValue:
    try:
        return await js.key_value(WITHDRAWN)
    except BucketNotFoundError:
        raise Unavailable("NATS bucket", WITHDRAWN, "it was never made; run `wireroom setup`") from None


async def erase(js: JetStreamContext, stream: str, sequence: int) -> None:
    """Overwrite a message on the broker's disk; one that is gone already stays gone."""
    try:
        await js.delete_msg(stream, sequence)
    except NotFoundError:
        return
    except (NatsError, TimeoutError) as error:
        if getattr(error, "err_code", None) != _NO_MESSAGE:
            raise Unavailable(f"NATS stream {stream}", str(sequence), str(error) or type(error).__name__) from error
