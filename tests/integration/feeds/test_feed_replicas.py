"""Two processes of ingest share the feeds; one is killed while it polls, and nothing is polled twice at once."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from nats.aio.client import Client

from services.ingest.feeds import registry
from services.ingest.feeds.feed_record import FeedRecord
from shared.observability.healthcheck import ready
from shared.settings import Settings
from tests.commands import environment_of
from tests.feeds import feed_documents as documents
from tests.feeds.web_server import Answer, Arrived, Request, serving
from tests.paths import ROOT
from wireroom.local import ports

HOSTS = [f"127.0.0.{number}" for number in range(2, 10)]  # each is asked two at a time
FEEDS = [f"{host}/{number}" for host in HOSTS for number in range(2)]
ENTRIES = 3
AT_ONCE = len(FEEDS) // 2  # polls of each process
PATIENCE = 100.0


@dataclass
class Site:
    """Holds every answer until ``open``, and tells who polls what at once."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    polled: dict[str, str] = field(default_factory=dict)  # feed to who asks for it now
    asked: list[tuple[str, str]] = field(default_factory=list)  # feed, by whom
    twice: list[str] = field(default_factory=list)
    changed: Arrived = field(default_factory=Arrived)

    async def __call__(self, request: Request) -> Answer:
        feed, who = f"{request.host}{request.path}", request.headers["user-agent"]
        if feed in self.polled:
            self.twice.append(f"{feed} by {who} and {self.polled[feed]}")
        self.polled[feed] = who
        self.asked.append((feed, who))
        self.changed.tell()
        try:
            await self.open.wait()
        finally:
            if self.polled.get(feed) == who:
                del self.polled[feed]
            self.changed.tell()
        items = [documents.item(f"http://{feed}/{number}", title=f"{feed} {number}") for number in range(ENTRIES)]
        return Answer(documents.rss(items), headers={"Content-Type": "application/rss+xml"})

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not done():
                await self.changed.wait()

    def of(self, who: str) -> set[str]:
        return {feed for feed, by in self.polled.items() if by == who}


@asynccontextmanager
async def replica(name: str, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a process of ingest, and wait until it is ready."""
    [port] = ports.free(1)
    own = {"WIREROOM_INGEST_USER_AGENT": name, "WIREROOM_INGEST_FETCH_ALLOW": "127.0.0.0/8"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.feeds.ingest_with_clock", str(AT_ONCE)),
        cwd=ROOT,
        env=os.environ | environment_of(Settings(nats_url=url, health_port=port)) | own,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.to_thread(until_ready, port)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def until_ready(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready(port):
        assert time.monotonic() < deadline, "it is not ready"
        time.sleep(0.1)


async def until_raw(broker: Client, count: int) -> None:
    """Return once so many raw articles were published."""
    raw = await broker.jetstream().subscribe("news.v1.raw.>", stream="RAW", ordered_consumer=True)
    for _ in range(count):
        await raw.next_msg(PATIENCE)
    await raw.unsubscribe()


@pytest.mark.timeout(400)
async def test_two_processes_share_the_feeds_and_those_of_a_killed_one_wait_for_the_end_of_its_lease(
    broker: Client,
) -> None:
    js, site = broker.jetstream(timeout=30), Site()
    url = broker.connected_url.geturl() if broker.connected_url else ""
    async with serving(site, hosts=HOSTS) as server, replica("one", url) as one, replica("two", url) as two:
        now = datetime.now(UTC)
        for feed in FEEDS:
            host, _, path = feed.partition("/")
            address = f"http://{host}:{server.port}/{path}"
            await registry.add(js, FeedRecord(url=address, source="gazette", added_at=now, next_poll=now))
        await site.until(lambda: len(site.polled) == len(FEEDS))
        held, others = site.of("one"), site.of("two")
        assert len(held) == len(others) == AT_ONCE

        os.kill(one.pid, signal.SIGKILL)
        await one.wait()
        for feed in held:
            del site.polled[feed]
        site.open.set()
        await until_raw(broker, len(others) * ENTRIES)
        assert Counter(feed for feed, _ in site.asked) == dict.fromkeys(FEEDS, 1), "those of the killed one wait"

        os.kill(two.pid, signal.SIGUSR1)  # an hour later
        await site.until(lambda: {feed for feed, who in site.asked if who == "two"} == set(FEEDS))
        await until_raw(broker, len(FEEDS) * ENTRIES)
        assert (await js.stream_info("RAW")).state.messages == len(FEEDS) * ENTRIES
    assert site.twice == []
