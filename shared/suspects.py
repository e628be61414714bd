"""Messages that were out when a process died: they are worked on alone, and what dies alone too often is the culprit.

Neighbours of one batch share every death, so counting deliveries would set all of them aside with the culprit.
The counts are kept by the broker, where they outlive the process and all replicas see them.
"""

import asyncio
from contextlib import suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError
from nats.js.kv import KeyValue

from shared.errors import Unavailable
from shared.topology import SUSPECTS


class Suspects:
    """``alone`` is held while a suspect is worked on; one for each process is enough, for a process dies alone."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._bucket: KeyValue | None = None
        self.alone = asyncio.Lock()

    async def touch(self, raw: Msg) -> int:
        """Note that work on it begins; return how often that was noted before and never taken back."""
        try:
            bucket = await self._open()
            before = await _count(bucket, _key(raw))
            await bucket.put(_key(raw), str(before + 1).encode())
        except (NatsError, TimeoutError) as error:
            raise Unavailable("NATS bucket", SUSPECTS, f"{type(error).__name__} {error}".strip()) from error
        return before

    async def clear(self, raw: Msg) -> None:
        """Take it back: the process has survived. If this fails the broker forgets the note in its own time."""
        with suppress(NatsError, TimeoutError):
            await (await self._open()).purge(_key(raw))

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            try:
                self._bucket = await self._js.key_value(SUSPECTS)
            except BucketNotFoundError:
                raise Unavailable("NATS bucket", SUSPECTS, "it was never made; run `wireroom setup`") from None
        return self._bucket


async def _count(bucket: KeyValue, key: str) -> int:
    try:
        return int((await bucket.get(key)).value or b"0")
    except KeyNotFoundError:
        return 0


def _key(raw: Msg) -> str:
    place = raw.metadata
    return f"{place.stream}.{place.consumer}.{place.sequence.stream}"
