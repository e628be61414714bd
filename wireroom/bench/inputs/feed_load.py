"""Feeds of `wireroom bench inputs`: a server of thousands of them in a process of its own, and a poller of them all."""

import asyncio
import gc
import multiprocessing
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection

from nats.js import JetStreamContext

from services.ingest.feeds import registry
from services.ingest.feeds.feed_record import FeedRecord
from services.ingest.feeds.poller import Poller, feed_tools, utc_now
from services.ingest.feeds.registry import Registry
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.guarded_http import USER_AGENT, GuardedClient

_ENTRIES = 3  # of each feed
_TEXT = "The harbour of Karsholm reopened on Monday after nine days of strike, the port authority said. " * 14
_TAG = '"1"'
_ADDED_AT_ONCE = 100


@dataclass(frozen=True)
class FeedsMeasured:
    """Polls a minute while every feed has three new articles, and while none has changed (304).

    ``memory_mb``: by how much one process grew that knows and has polled all of them.
    """

    feeds: int
    polls_a_minute: float
    unchanged_a_minute: float
    memory_mb: float


@dataclass
class _Clock:
    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


async def measure_feeds(js: JetStreamContext, number: int) -> FeedsMeasured:
    """Add so many feeds, each of a host of its own, and poll them all twice from one process."""
    from wireroom.local.process_memory import size_of  # noqa: PLC0415 - the supervisor's imports take half a second

    def memory() -> int:
        gc.collect()
        return size_of(os.getpid(), shared=False) or 0

    clock = _Clock()
    async with _feed_process() as port:
        await _add(js, number, port, clock())
        client = GuardedClient(allowed=["127.0.0.1"], resolve=_loopback)
        async with feed_tools((), USER_AGENT, client=client, pause=0, now=clock) as tools:
            options = IngestSettings(source_articles=10**9, source_bytes=10**15)
            gate = SubmissionGate(js, SourceQuotas(options), "feed")
            before = memory()
            poller = Poller(Registry(js, "bench"), tools, gate)
            first = await _polls_a_minute(poller, number)
            clock.ahead = timedelta(days=2)
            second = await _polls_a_minute(poller, number)
            poller.results = {}
            return FeedsMeasured(number, first, second, (memory() - before) / 1e6)


async def _polls_a_minute(poller: Poller, number: int) -> float:
    """Poll what is due; raises OSError unless every feed was read."""
    began = time.perf_counter()
    results = await poller.run_due()
    took = time.perf_counter() - began
    read = sum(result.outcome in {"new", "unchanged"} for result in results.values())
    if read != number:
        raise OSError(f"{read} of {number} feeds were read")
    return number / took * 60


async def _add(js: JetStreamContext, number: int, port: int, now: datetime) -> None:
    def record(at: int) -> FeedRecord:
        url = f"http://feed-{at}.example:{port}/{at}"
        return FeedRecord(url=url, source=f"source-{at % 50}", added_at=now, next_poll=now)

    for at in range(0, number, _ADDED_AT_ONCE):
        some = range(at, min(at + _ADDED_AT_ONCE, number))
        await asyncio.gather(*(registry.add(js, record(each)) for each in some))


async def _loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@asynccontextmanager
async def _feed_process() -> AsyncIterator[int]:
    """Serve feeds in a process of its own; yields its port."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(its,), daemon=True)
    process.start()
    try:
        with closing(ours):
            yield await asyncio.to_thread(ours.recv)
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=512)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request with the feed of its path, or with 304 where that is known."""
    with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
        asked = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        known = f"if-none-match: {_TAG}" in asked.lower()
        status, body = ("304 Not Modified", b"") if known else ("200 OK", _feed(asked.split(" ")[1]))
        head = f"HTTP/1.1 {status}\r\nETag: {_TAG}\r\nContent-Type: application/rss+xml\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()


def _feed(path: str) -> bytes:
    items = "".join(
        f"<item><title>Harbour {number}</title><link>http://bench.example{path}/{number}</link>"
        f"<content:encoded>&lt;p&gt;{_TEXT}&lt;/p&gt;</content:encoded></item>"
        for number in range(_ENTRIES)
    )
    space = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    return f'<rss version="2.0" {space}><channel><title>Gazette</title>{items}</channel></rss>'.encode()
