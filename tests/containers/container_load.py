"""A publisher that goes on through every outage of a stack of containers, and the audit of what it was acknowledged."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.broker import nats_client
from shared.messages import ArticleSubmitted
from tests.containers.compose_stack import Stack

SOME = 60  # articles of each part of a test
PAUSE = 0.05  # seconds between two: what is published meanwhile has to be extracted before the audit
_TRIES = 3  # of one article on a connection


class Load:
    """Publishes an article after another, through every outage, and keeps a ledger as `publish --ledger` does."""

    def __init__(self, url: str, ledger: Path) -> None:
        self._url, self._ledger = url, ledger
        self._connection: Client | None = None
        self.acknowledged = 0
        self.sent: dict[int, float] = {}  # when, by the place in INBOX, it was acknowledged
        self._more = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._task = asyncio.create_task(self._publish())
        try:
            yield
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Publish nothing more, so that what is in flight comes to an end."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._connection:
            await self._connection.close()
            self._connection = None

    async def more(self, articles: int = SOME) -> None:
        """Wait until so many more are acknowledged."""
        wanted = self.acknowledged + articles
        async with asyncio.timeout(180), self._more:
            await self._more.wait_for(lambda: self.acknowledged >= wanted)

    async def _publish(self) -> None:
        for number in count(1):
            place = await self._acknowledged(_article(number), f"load-{number}")
            self.sent[place] = time.monotonic()
            async with self._more:
                with self._ledger.open("a") as ledger:
                    ledger.write(json.dumps({"run": "load", "sequence": place}) + "\n")
                self.acknowledged += 1
                self._more.notify_all()
            await asyncio.sleep(PAUSE)

    async def _acknowledged(self, article: ArticleSubmitted, message_id: str) -> int:
        body, headers = article.model_dump_json().encode(), {"Nats-Msg-Id": message_id}
        for attempt in count(1):
            try:
                connection = await self._connected(anew=attempt % _TRIES == 0)
                js = connection.jetstream(timeout=2)
                return int((await js.publish(article.subject, body, stream="INBOX", headers=headers)).seq)
            except (NatsError, TimeoutError, OSError):
                await asyncio.sleep(0.2)
        raise AssertionError

    async def _connected(self, *, anew: bool) -> Client:
        """Return the connection; a server that is cut off from the others answers pings and acknowledges nothing."""
        if self._connection and anew:
            await self._connection.close()
            self._connection = None
        self._connection = self._connection or await nats_client.connect(
            [self._url], max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=_expected
        )
        return self._connection


async def _expected(_error: Exception) -> None:
    """The broker is stopped on purpose."""


def _article(number: int) -> ArticleSubmitted:
    body = (
        f"Marta Quillfeather opened lock number {number} of Tidewell on Monday. Boats may pass from the first of May."
    )
    return ArticleSubmitted(source="harbour-gazette", guid=f"load-{number}", body=body, language="en")


async def compose(stack: Stack, *arguments: str) -> None:
    await asyncio.to_thread(stack.compose, *arguments)


async def audited(stack: Stack, load: Load, **environment: str) -> dict[str, Any]:
    """End the load and return what the audit says of its ledger once nothing is in flight."""
    await load.stop()
    async with asyncio.timeout(180):
        while True:
            done = await asyncio.to_thread(stack.tools, "audit", "--ledger", "ledger.jsonl", "--json", **environment)
            assert done.stdout and done.returncode in {0, 1}, done.stderr  # noqa: PT018 - what it said tells both
            said: dict[str, Any] = json.loads(done.stdout)
            if not said["in_flight"]:
                return said
