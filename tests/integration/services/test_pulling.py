"""Readers of one durable on a real broker."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.broker.connect import brief_connection
from shared.runtime.subscriber import PullReader
from shared.topology import INGEST
from tests.running import publish
from wireroom.testing.factories import a_submission

AT_ONCE = 2.0  # seconds; nats-py's fetch takes five where another reader waits too


async def test_a_lone_message_is_begun_at_once_although_other_readers_wait_too(broker: Client) -> None:
    taken: asyncio.Queue[Msg] = asyncio.Queue()

    async def take(message: Msg) -> None:
        taken.put_nowait(message)
        await message.ack()

    readers = [PullReader(INGEST) for _ in range(3)]
    for reader in readers:
        await reader.start(broker, take)
    for _ in range(6):
        await publish(broker, a_submission())
        async with asyncio.timeout(AT_ONCE):
            await taken.get()
    for reader in readers:
        await reader.stop()


async def test_two_readers_share_what_waits_and_each_message_comes_once(broker: Client) -> None:
    taken: asyncio.Queue[int] = asyncio.Queue()

    async def take(message: Msg) -> None:
        await message.ack()
        taken.put_nowait(message.metadata.sequence.stream)

    places = await publish(broker, *(a_submission(guid=str(number)) for number in range(300)))
    readers = [PullReader(INGEST) for _ in range(2)]
    for reader in readers:
        await reader.start(broker, take)
    async with asyncio.timeout(30):
        assert sorted([await taken.get() for _ in places]) == places
    for reader in readers:
        await reader.stop()
    assert taken.empty()


async def test_a_reader_that_stops_takes_what_the_broker_has_sent_it_already(broker: Client) -> None:
    """Else it is delivered to nobody for as long as the broker waits for its answer."""
    taken: list[int] = []

    async def take(message: Msg) -> None:
        taken.append(message.metadata.sequence.stream)
        await message.ack_sync()

    async def publish_as_another() -> list[int]:
        async with brief_connection(broker.connected_url.geturl() if broker.connected_url else "") as connection:
            places = await publish(connection, *(a_submission(guid=str(number)) for number in range(5)))
            sent = 0
            while sent < len(places):  # the broker has sent them to the reader, which does not read meanwhile
                info = await connection.jetstream(timeout=10).consumer_info("INBOX", "ingest")
                sent = info.delivered.stream_seq if info.delivered else 0
            return places

    reader = PullReader(INGEST)
    await reader.start(broker, take)
    async with asyncio.timeout(30):
        while not (await broker.jetstream(timeout=10).consumer_info("INBOX", "ingest")).num_waiting:
            pass
    with ThreadPoolExecutor(1) as thread:
        places = thread.submit(asyncio.run, publish_as_another()).result(60)  # this loop stands still
    await reader.stop()
    assert taken == places
    info = await broker.jetstream(timeout=10).consumer_info("INBOX", "ingest")
    assert (info.num_ack_pending, info.num_pending) == (0, 0)
