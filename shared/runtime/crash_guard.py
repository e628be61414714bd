"""Crash guard: redelivered messages are worked on alone, and one that ends its process alone too often is the culprit.

Neighbours of one batch share every crash, so counting deliveries would dead-letter all of them with the culprit.
The counts are kept by the broker, where they outlive the process and all replicas see them.
"""

import asyncio
from contextlib import suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from shared.broker.kv import Bucket
from shared.errors import Unavailable
from shared.topology import SUSPECTS

_MOST = 1_000_000  # crashes; a count beyond is none of ours


def _count(key: str, data: bytes) -> tuple[str, int]:
    if not (data.isdigit() and len(data) <= len(str(_MOST))):
        raise ValueError("no count")
    return key, int(data)


COUNTS = Bucket(SUSPECTS, _count)


class CrashGuard:
    """``quarantine`` is held while a redelivered message is worked on: one for each process, which crashes alone."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._bucket: KeyValue | None = None
        self.quarantine = asyncio.Lock()

    async def note(self, raw: Msg) -> int:
        """Note that work on a message begins; return how often that was noted before and never cleared."""
        try:
            bucket = await self._open()
            before = (await COUNTS.get(bucket, _key(raw)))[0] or 0
            await bucket.put(_key(raw), str(before + 1).encode())
        except (NatsError, TimeoutError) as error:
            raise Unavailable("NATS bucket", SUSPECTS, f"{type(error).__name__} {error}".strip()) from error
        return before

    async def clear(self, raw: Msg) -> None:
        """Remove the note: the process has survived. If this fails the broker forgets the note in its own time."""
        with suppress(NatsError, TimeoutError):
            await (await self._open()).purge(_key(raw))

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            self._bucket = await COUNTS.open(self._js)
        return self._bucket


def _key(raw: Msg) -> str:
    place = raw.metadata
    return f"{place.stream}.{place.consumer}.{place.sequence.stream}"
