"""Load for the fault matrix: a steady stream of articles from a seed, and a ledger of what the broker acknowledged."""

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from tests.poisons import POISONS
from wireroom.testing.factories import BODY

_POISONS = [poison for poison in POISONS if poison.can_be_published and poison.expected != "stored"]
_PAUSE = 0.02  # seconds of each publisher: the load is steady, and not as much as goes in
SHARES = {"repeat": 0.1, "correction": 0.1}


@dataclass(frozen=True)
class Entry:
    """What the broker acknowledged: written down before it is counted. ``expected`` is a reason, or None: stored."""

    place: int
    guid: str | None
    text: str | None
    digest: str
    expected: str | None


@dataclass(frozen=True)
class Submission:
    data: bytes
    guid: str | None = None
    text: str | None = None
    expected: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def noted(place: int, article: Submission) -> Entry:
    return Entry(place, article.guid, article.text, hashlib.sha256(article.data).hexdigest(), article.expected)


def submissions(seed: int, poison: float, prefix: str = "", body: str = BODY) -> Iterator[Submission]:
    """Yield articles without end: new ones, repetitions, corrections, and that share of poison."""
    chance = random.Random(seed)
    known: list[Submission] = []
    editions: Counter[str] = Counter()
    bad = 0
    while True:
        draw = chance.random()
        if draw < poison:
            each = _POISONS[bad % len(_POISONS)]
            bad += 1
            yield Submission(each.data, expected=str(each.expected), headers=each.headers)
        elif known and draw < poison + SHARES["repeat"]:
            yield chance.choice(known)
        else:
            new = not known or draw > poison + sum(SHARES.values())
            guid = f"{prefix}article-{len(editions)}" if new else chance.choice(list(editions))
            editions[guid] += 1
            known.append(_article(guid, editions[guid], body))
            yield known[-1]


def _article(guid: str, edition: int, body: str) -> Submission:
    text = f"{body}\n\nThis is what {guid} says in its edition {edition}, which the mayor has read, she said."
    fields = {"source": "harbour-gazette", "guid": guid, "body": text}
    return Submission(json.dumps(fields).encode(), guid, text)


class Load:
    """Publishes until it is left; what was not acknowledged is sent again under the same id, as publishers do."""

    def __init__(
        self,
        js: JetStreamContext,
        ledger: Path,
        *,
        seed: int = 1,
        poison: float = 0.02,
        publishers: int = 4,
        prefix: str = "",
    ) -> None:
        self._js, self._seed, self._publishers = js, seed, publishers
        self._articles = submissions(seed, poison, prefix)
        self._number = 0
        self._stop = asyncio.Event()
        self._path = ledger
        self.entries: list[Entry] = []
        self.longest_stall = 0.0

    async def __aenter__(self) -> Self:
        self._ledger: IO[str] = self._path.open("a")
        self._tasks = [asyncio.create_task(self._publish()) for _ in range(self._publishers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        self._ledger.close()

    async def more(self, count: int) -> None:
        """Return once so many more were acknowledged."""
        wanted = len(self.entries) + count
        async with asyncio.timeout(120):
            while len(self.entries) < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)

    async def _publish(self) -> None:
        while not self._stop.is_set():
            article = next(self._articles)
            self._number += 1
            headers = dict(article.headers) | {"Nats-Msg-Id": f"load:{self._seed}:{self._number}"}
            began = time.monotonic()
            place = await self._until_taken(article.data, headers)
            self.longest_stall = max(self.longest_stall, round(time.monotonic() - began, 1))
            entry = noted(place, article)
            self._ledger.write(json.dumps(asdict(entry)) + "\n")
            self._ledger.flush()
            self.entries.append(entry)
            await asyncio.sleep(_PAUSE)

    async def _until_taken(self, data: bytes, headers: dict[str, str]) -> int:
        async with asyncio.timeout(240):
            while True:
                try:
                    return (
                        await self._js.publish("news.v1.submitted", data, timeout=3, stream="INBOX", headers=headers)
                    ).seq
                except (NatsError, APIError, TimeoutError):
                    await asyncio.sleep(0.1)


async def take(js: JetStreamContext, article: Submission) -> Entry:
    headers = dict(article.headers) or None
    ack = await js.publish("news.v1.submitted", article.data, timeout=20, stream="INBOX", headers=headers)
    return noted(ack.seq, article)
