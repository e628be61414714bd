"""What a reader asks of the broker, and when: on a connection that only notes it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from nats.aio.msg import Msg

from shared.runtime import subscriber
from shared.runtime.subscriber import PullReader
from shared.topology import INGEST

Arrived = Callable[[Msg], Awaitable[None]]


class FakeInbox:
    subject = "_INBOX.1"

    async def drain(self) -> None:
        """Nothing comes here."""


class FakeConnection:
    """Notes requests; the test delivers."""

    is_connected = True

    def __init__(self) -> None:
        self.requests: asyncio.Queue[int] = asyncio.Queue()
        self.deliver: Arrived

    def new_inbox(self) -> str:
        return FakeInbox.subject

    async def subscribe(self, _inbox: str, cb: Arrived) -> FakeInbox:
        self.deliver = cb
        return FakeInbox()

    async def publish(self, subject: str, payload: bytes, reply: str) -> None:
        assert (subject, reply) == ("$JS.API.CONSUMER.MSG.NEXT.INBOX.ingest", FakeInbox.subject)
        self.requests.put_nowait(json.loads(payload)["batch"])


def a_message(**headers: str) -> Msg:
    return Msg(_client=None, subject="news.v1.submitted", reply="$JS.ACK.1", data=b"{}", headers=headers)  # type: ignore[arg-type] # nobody answers


def an_end(status: str, pending: int | None = None) -> Msg:
    headers = {"Status": status} | ({} if pending is None else {"Nats-Pending-Messages": str(pending)})
    return Msg(_client=None, subject=FakeInbox.subject, headers=headers)  # type: ignore[arg-type] # nobody answers


class Desk:
    """Keeps what was taken until it is told that it is done."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[Msg] = asyncio.Queue()
        self.done = asyncio.Semaphore(0)

    async def take(self, message: Msg) -> None:
        self.taken.put_nowait(message)
        await self.done.acquire()


async def a_reader(connection: Any, desk: Desk, prefetch: int = 8) -> PullReader:  # noqa: ANN401 - a fake client
    reader = PullReader(replace(INGEST, prefetch=prefetch))
    await reader.start(connection, desk.take)
    return reader


async def test_no_more_are_asked_for_than_there_is_room_and_for_a_little_room_none() -> None:
    connection, desk = FakeConnection(), Desk()
    reader = await a_reader(connection, desk)
    assert await connection.requests.get() == 8
    for _ in range(8):
        await connection.deliver(a_message())
    for _ in range(8):
        await desk.taken.get()
    assert connection.requests.empty()
    desk.done.release()
    desk.done.release()
    assert await connection.requests.get() == 2
    desk.done.release()
    await connection.deliver(an_end("408", pending=2))
    assert await connection.requests.get() == 3
    for _ in range(5):
        desk.done.release()
    await reader.stop()


async def test_a_message_is_begun_although_the_request_is_not_filled() -> None:
    connection, desk = FakeConnection(), Desk()
    reader = await a_reader(connection, desk)
    await connection.requests.get()
    await connection.deliver(a_message())
    await desk.taken.get()
    desk.done.release()
    await reader.stop()


async def test_after_a_refusal_there_is_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its consumer deleted a loop without pauses asked thousands of times a second (trap F5)."""
    monkeypatch.setattr(subscriber, "_PAUSE", 0.1)
    connection, desk, loop = FakeConnection(), Desk(), asyncio.get_running_loop()
    reader = await a_reader(connection, desk)
    await connection.requests.get()
    refused = loop.time()
    await connection.deliver(an_end("503"))
    assert await connection.requests.get() == 8
    assert loop.time() - refused >= 0.09
    await reader.stop()


async def test_a_request_that_was_lost_with_its_broker_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "_OVERDUE", 0.05)
    connection, desk = FakeConnection(), Desk()
    reader = await a_reader(connection, desk)
    assert [await connection.requests.get() for _ in range(2)] == [8, 8]
    monkeypatch.setattr(subscriber, "_OVERDUE", 60.0)
    reader.ask_again()
    assert await connection.requests.get() == 8
    await reader.stop()


async def test_a_publisher_cannot_pretend_that_its_message_is_the_end_of_a_request() -> None:
    connection, desk = FakeConnection(), Desk()
    reader = await a_reader(connection, desk)
    await connection.deliver(a_message(Status="408"))
    assert (await desk.taken.get()).headers == {"Status": "408"}
    desk.done.release()
    await reader.stop()


async def test_stopping_waits_for_what_is_in_flight() -> None:
    connection, desk = FakeConnection(), Desk()
    reader = await a_reader(connection, desk)
    await connection.deliver(a_message())
    await desk.taken.get()
    stopping = asyncio.create_task(reader.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    desk.done.release()
    await stopping
