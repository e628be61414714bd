"""The broker's buckets, read so that a value which no release of ours wrote is skipped and counted, and never fatal.

Anyone who may publish may write into them; one bad value must not keep a service from starting.
"""

from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError
from nats.js.kv import KV_DEL, KV_OP, KV_PURGE, KeyValue

from shared.broker.stream_reader import all_of
from shared.errors import Unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass
class Contents(Generic[K, V]):
    """What a bucket holds; ``foreign`` is how many values were skipped because they are none of ours."""

    values: dict[K, V] = field(default_factory=dict)
    foreign: int = 0


@dataclass(frozen=True)
class Bucket(Generic[K, V]):
    """``parse`` makes a key and a value of a key's text and a value's bytes; raises ValueError for what is not ours."""

    name: str
    parse: Callable[[str, bytes], tuple[K, V]]

    @property
    def subjects(self) -> str:
        return f"$KV.{self.name}.>"

    @property
    def stream(self) -> str:
        return f"KV_{self.name}"

    def key(self, message: Msg) -> str:
        return message.subject.removeprefix(f"$KV.{self.name}.")

    def entry(self, message: Msg) -> tuple[K, V] | None:
        """Return a key with its value, None if it is none of ours."""
        try:
            return self.parse(self.key(message), message.data)
        except ValueError:
            return None

    async def messages(self, js: JetStreamContext) -> AsyncIterator[Msg]:
        """Yield what is there, deleted keys left out; nothing where the bucket was never made."""
        async for message in all_of(js, self.stream, self.subjects):
            if not is_deleted(message):
                yield message

    async def all(self, js: JetStreamContext) -> Contents[K, V]:
        """Read everything."""
        contents = Contents[K, V]()
        async for message in self.messages(js):
            if found := self.entry(message):
                contents.values[found[0]] = found[1]
            else:
                contents.foreign += 1
        return contents

    async def open(self, js: JetStreamContext) -> KeyValue:
        try:
            return await js.key_value(self.name)
        except BucketNotFoundError:
            raise Unavailable("NATS bucket", self.name, "it was never made; run `wireroom setup`") from None

    async def get(self, bucket: KeyValue, key: str) -> tuple[V | None, int]:
        """Return the value of a key, None if it has none of ours, and the revision that a change of it must name."""
        try:
            entry = await bucket.get(key)
        except KeyNotFoundError as error:
            return None, (error.entry.revision or 0) if error.entry else 0
        try:
            return self.parse(key, entry.value or b"")[1], entry.revision or 0
        except ValueError:
            return None, entry.revision or 0


def is_deleted(message: Msg) -> bool:
    return (message.headers or {}).get(KV_OP) in {KV_DEL, KV_PURGE}
