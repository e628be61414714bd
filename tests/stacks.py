"""The one-machine stack in tests: publishing to it through faults, and looking at what it leaves."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psutil  # type: ignore[import-untyped] # it has no types
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError
from pymongo import MongoClient

from shared.broker.nats_client import connect
from shared.messages import ArticleSubmitted
from wireroom.local.local_stack import Stack

PATIENCE = 120.0


@asynccontextmanager
async def broker_of(stack: Stack) -> AsyncIterator[JetStreamContext]:
    async with broker_at(stack.of_setup.nats_url) as js:
        yield js


@asynccontextmanager
async def broker_at(*urls: str) -> AsyncIterator[JetStreamContext]:
    """A publisher's connection, which comes back by itself after whatever is done to the broker."""
    connection = await connect(list(urls), max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=expected)
    try:
        yield connection.jetstream(timeout=10)
    finally:
        await connection.close()


async def expected(_error: Exception) -> None:
    """The broker is killed on purpose."""


async def publish(js: JetStreamContext, article: ArticleSubmitted) -> int:
    """Publish as publishers do: again with the same id until the broker has it on disk."""
    headers = {"Nats-Msg-Id": f"submitted:{article.guid}"}
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                ack = await js.publish(
                    article.subject, article.model_dump_json().encode(), timeout=2, stream="INBOX", headers=headers
                )
            except (NatsError, APIError, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                return ack.seq


def documents(stack: Stack) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](stack.mongo_url, timeoutMS=20_000) as client:
        return list(client["wireroom"]["articles"].find())


def ended(pids: list[int]) -> bool:
    """Wait until none of the processes is left, each number still meaning what it did."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(found, timeout=PATIENCE)
    return not alive


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a process; a signal only asks for it, so this returns once each of its threads stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 30
        while any(not stopped(thread.id) for thread in psutil.Process(pid).threads()):
            assert time.monotonic() < deadline, f"process {pid} does not stop"
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stopped(thread: int) -> bool:
    """Whether one thread stands still; threads of a Linux process have ids of their own, to be asked for like its."""
    return bool(psutil.Process(thread).status() == psutil.STATUS_STOPPED)
