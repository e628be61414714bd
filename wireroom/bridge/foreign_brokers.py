"""RabbitMQ, Redis streams and Kafka behind one interface, each through FastStream's broker for it.

A message is acknowledged by whoever takes it and by nobody else (``AckPolicy.MANUAL``). What is not acknowledged comes
again: at once from RabbitMQ when the connection ends, at the next start from Kafka, after half a minute from Redis.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, Protocol

from faststream import AckPolicy
from faststream.message import StreamMessage

from wireroom.bridge.addresses import Address

log = logging.getLogger(__name__)

Take = Callable[[StreamMessage[Any]], Awaitable[None]]
GROUP = "wireroom"
_IDLE = 30_000  # milliseconds after which a message of Redis that nobody acknowledged is taken again
_AT_ONCE = 64  # messages read and not acknowledged
_BODY_FIELDS = (b"data", b"message", b"payload", b"json")  # where a stream's entry has one field with the whole


class ForeignBroker(Protocol):
    """``errors`` are those of an outage that passes; ``name`` is a queue, a stream or a topic."""

    errors: tuple[type[Exception], ...]

    async def start(self) -> None:
        """Connect; raises one of ``errors``."""

    async def stop(self) -> None: ...

    def subscribe(self, take: Take) -> None:
        """Have each message of the address taken; before `start`."""

    async def send(self, name: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Return once the broker has it; raises one of ``errors``."""

    def body(self, message: StreamMessage[Any]) -> bytes: ...

    def message_id(self, message: StreamMessage[Any]) -> str:
        """Return what is the same when the message is delivered again."""


async def _whole(message: StreamMessage[Any]) -> StreamMessage[Any]:
    """Hand the message itself to the handler instead of its decoded body."""
    return message


class Redis:
    def __init__(self, address: Address) -> None:
        from faststream.redis import RedisBroker  # noqa: PLC0415 - an extra
        from redis.exceptions import RedisError  # noqa: PLC0415

        self.errors: tuple[type[Exception], ...] = (RedisError, OSError)
        self.broker, self.name = RedisBroker(address.broker.rstrip("/"), logger=log, apply_types=False), address.name
        self._reads = False

    async def start(self) -> None:
        from redis.exceptions import ResponseError  # noqa: PLC0415

        client = await self.broker.connect()
        if self._reads:  # from the beginning of the stream; FastStream would begin at its end
            try:
                await client.xgroup_create(self.name, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        await self.broker.start()

    async def stop(self) -> None:
        await self.broker.stop()

    def subscribe(self, take: Take) -> None:
        from faststream.redis import StreamSub  # noqa: PLC0415

        self._reads = True
        for consumer, idle in ((GROUP, None), (f"{GROUP}-again", _IDLE)):
            stream = StreamSub(
                self.name, group=GROUP, consumer=consumer, min_idle_time=idle, max_records=_AT_ONCE,
                polling_interval=1000,
            )  # fmt: skip
            self.broker.subscriber(stream=stream, decoder=_whole, ack_policy=AckPolicy.MANUAL)(take)

    async def send(self, name: str, data: bytes, headers: Mapping[str, str]) -> None:
        client = await self.broker.connect()
        await client.xadd(name, {"data": data, **{f"header:{key}": value for key, value in headers.items()}})

    def body(self, message: StreamMessage[Any]) -> bytes:
        """Return what FastStream wrote, or the one field that has the whole, or the fields as a JSON object."""
        fields = {
            (key if isinstance(key, bytes) else key.encode()): value if isinstance(value, bytes) else value.encode()
            for key, value in message.raw_message["data"].items()
        }
        if b"__data__" in fields:
            return bytes(message.body)
        plain = {key: value for key, value in fields.items() if not key.startswith(b"header:")}
        if len(plain) == 1 and (whole := next((plain[key] for key in _BODY_FIELDS if key in plain), None)):
            return whole
        return json.dumps(
            {key.decode("utf-8", "replace"): v.decode("utf-8", "replace") for key, v in plain.items()}
        ).encode()

    def message_id(self, message: StreamMessage[Any]) -> str:
        ids = message.raw_message["message_ids"]
        return b",".join(each if isinstance(each, bytes) else str(each).encode() for each in ids).decode()


class Rabbit:
    def __init__(self, address: Address) -> None:
        from aio_pika.exceptions import AMQPError  # noqa: PLC0415 - an extra
        from faststream.rabbit import Channel, RabbitBroker  # noqa: PLC0415

        self.errors: tuple[type[Exception], ...] = (AMQPError, OSError, TimeoutError)
        channel = Channel(prefetch_count=_AT_ONCE)
        self.broker = RabbitBroker(address.broker, default_channel=channel, logger=log, apply_types=False)
        self.name = address.name
        self._declared = set[str]()

    async def start(self) -> None:
        await self.broker.start()

    async def stop(self) -> None:
        await self.broker.stop()

    def subscribe(self, take: Take) -> None:
        from faststream.rabbit import RabbitQueue  # noqa: PLC0415

        queue = RabbitQueue(self.name, durable=True)
        self.broker.subscriber(queue, decoder=_whole, ack_policy=AckPolicy.MANUAL)(take)

    async def send(self, name: str, data: bytes, headers: Mapping[str, str]) -> None:
        from faststream.rabbit import RabbitQueue  # noqa: PLC0415

        if name not in self._declared:
            await self.broker.declare_queue(RabbitQueue(name, durable=True))
            self._declared.add(name)
        await self.broker.publish(
            data, name, persist=True, headers=dict(headers), content_type="application/json", timeout=30
        )

    def body(self, message: StreamMessage[Any]) -> bytes:
        return bytes(message.body)

    def message_id(self, message: StreamMessage[Any]) -> str:
        return message.raw_message.message_id or sha256(message.body).hexdigest()


class Kafka:
    def __init__(self, address: Address) -> None:
        from aiokafka.errors import KafkaError  # noqa: PLC0415 - an extra
        from faststream.kafka import KafkaBroker  # noqa: PLC0415

        self.errors: tuple[type[Exception], ...] = (KafkaError, OSError, TimeoutError)
        self.broker = KafkaBroker(address.broker.split(","), logger=log, apply_types=False, acks="all")
        self.name = address.name

    async def start(self) -> None:
        await self.broker.start()

    async def stop(self) -> None:
        await self.broker.stop()

    def subscribe(self, take: Take) -> None:
        self.broker.subscriber(
            self.name, group_id=GROUP, auto_offset_reset="earliest", decoder=_whole, ack_policy=AckPolicy.MANUAL
        )(take)

    async def send(self, name: str, data: bytes, headers: Mapping[str, str]) -> None:
        await self.broker.publish(data, name, headers=dict(headers))

    def body(self, message: StreamMessage[Any]) -> bytes:
        return bytes(message.body)

    def message_id(self, message: StreamMessage[Any]) -> str:
        record = message.raw_message
        return f"{record.topic}:{record.partition}:{record.offset}"


def opened(address: Address) -> ForeignBroker:
    """Return the client of an address, not connected; raises ModuleNotFoundError without the extra ``bridge``."""
    kinds: dict[str, Callable[[Address], ForeignBroker]] = {"redis": Redis, "rabbit": Rabbit, "kafka": Kafka}
    return kinds[address.kind](address)
