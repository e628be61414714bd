"""A pipeline under load while something breaks, and what an independent look at the streams and documents finds."""

import asyncio
import hashlib
import json
import random
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any, Self

import psutil  # type: ignore[import-untyped] # it has no types
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from shared.messages import ArticleStored
from shared.reading import all_of
from tests.factories import BODY
from tests.poisons import POISONS
from wireroom.audit import balance, gather
from wireroom.outcomes import follow

_MB = 1024 * 1024
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


def submissions(seed: int, poison: float, prefix: str = "") -> Iterator[Submission]:
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
            known.append(_article(guid, editions[guid]))
            yield known[-1]


def _article(guid: str, edition: int) -> Submission:
    text = f"{BODY}\n\nThis is what {guid} says in its edition {edition}, which the mayor has read, she said."
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
            self.longest_stall = max(self.longest_stall, time.monotonic() - began)
            digest = hashlib.sha256(article.data).hexdigest()
            entry = Entry(place, article.guid, article.text, digest, article.expected)
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


@dataclass(frozen=True)
class Verdict:
    """What an independent reader found, against the ledger; all but ``acked`` and ``outcomes`` have to be empty."""

    acked: int
    outcomes: dict[str, int]
    lost: list[int]
    duplicated: list[str]
    stale: list[str]  # articles whose stored version is not the newest that was acknowledged
    texts_missing: list[str]
    wrong_letters: list[str]
    audit: list[int]

    @property
    def fine(self) -> bool:
        return not any(
            (self.lost, self.duplicated, self.stale, self.texts_missing, self.wrong_letters, self.audit)
        ) and self.acked == sum(self.outcomes.values())


async def verify(js: JetStreamContext, mongo_url: str, entries: list[Entry], *, patience: float = 180) -> Verdict:
    """Wait until each acknowledged place has a fate, then compare streams and documents with the ledger."""
    places = {entry.place: entry for entry in entries}
    await follow(js, places.keys(), patience=patience, progress=lambda _: None)
    stored = await _announced(js)
    letters, wrong = await _letters(js, places)
    fates = {place: stored.get(place) or ("dead" if place in letters else None) for place in places}
    newest: dict[str, Entry] = {}
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for _, entry in sorted(places.items()):
        if entry.guid and entry.text:
            newest[entry.guid] = entry
            texts[entry.guid].add(entry.text)
    documents, kept = _documents(mongo_url)
    counted = Counter(document["guid"] for document in documents)
    found = {document["guid"]: document for document in documents}
    reckoned = balance(await gather(js), places)
    return Verdict(
        acked=len(places),
        outcomes=dict(Counter(fate for fate in fates.values() if fate)),
        lost=[place for place, fate in fates.items() if fate is None],
        duplicated=[guid for guid, count in counted.items() if count > 1],
        stale=[
            guid
            for guid, entry in newest.items()
            if guid not in found or (found[guid]["version"], _text(found[guid])) != (entry.place, entry.text)
        ],
        texts_missing=[guid for guid in texts if texts[guid] - kept[guid]],
        wrong_letters=wrong + [str(p) for p, e in places.items() if e.expected and fates[p] != "dead"],
        audit=list(reckoned.missing),
    )


async def _announced(js: JetStreamContext) -> dict[int, str]:
    found: dict[int, str] = {}
    async for message in all_of(js, "NEWS", "news.v1.stored.>"):
        event = ArticleStored.model_validate_json(message.data)
        found.setdefault(event.version, event.outcome)
    return found


async def _letters(js: JetStreamContext, places: Mapping[int, Entry]) -> tuple[set[int], list[str]]:
    """Return the places that were set aside, and which letters have another reason or other bytes than they should."""
    found, wrong = set(), []
    async for letter in all_of(js, "DEAD", "news.dead.>"):
        headers = letter.headers or {}
        place = (
            int(headers["ce-id"].rpartition(":")[2])
            if "extract" in letter.subject
            else int(headers["wireroom-sequence"])
        )
        if place not in places:
            continue
        entry = places[place]
        found.add(place)
        same = "ingest" not in letter.subject or hashlib.sha256(letter.data).hexdigest() == entry.digest
        if headers["wireroom-reason"] != entry.expected or not same:
            wrong.append(f"{place}: {headers['wireroom-reason']} instead of {entry.expected}, bytes equal: {same}")
    return found, wrong


def _documents(mongo_url: str) -> tuple[list[dict[str, Any]], defaultdict[str, set[str]]]:
    kept: defaultdict[str, set[str]] = defaultdict(set)
    with MongoClient[dict[str, Any]](mongo_url, timeoutMS=20_000) as client:
        database = client["wireroom"]
        documents = list(database["articles"].find())
        for document in [*documents, *database["article_versions"].find()]:
            kept[document["guid"]].add(_text(document))
    return documents, kept


def _text(document: Mapping[str, Any]) -> str:
    return "\n\n".join(document["paragraphs"])


class Watch:
    """Looks at the running stack from a thread of its own: memory, health, and that no article goes back."""

    def __init__(self, mongo_url: str, pids: Callable[[], Mapping[str, int]], ports: Mapping[str, int]) -> None:
        self._mongo_url, self._pids, self._ports = mongo_url, pids, ports
        self._stop = threading.Event()
        self.resident: defaultdict[str, list[int]] = defaultdict(list)
        self.regressions: list[str] = []
        self.livez_slowest = 0.0
        self.livez_silent: list[str] = []
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._versions, self._health)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _versions(self) -> None:
        seen: dict[str, int] = {}
        with MongoClient[dict[str, Any]](self._mongo_url, timeoutMS=2000) as client:
            while not self._stop.wait(0.05):
                with suppress(PyMongoError):
                    for found in client["wireroom"]["articles"].find({}, {"version": 1}):
                        if found["version"] < seen.get(found["_id"], 0):
                            self.regressions.append(f"{found['_id']}: {seen[found['_id']]} to {found['version']}")
                        seen[found["_id"]] = found["version"]

    def _health(self) -> None:
        while not self._stop.wait(0.2):
            for name, pid in self._pids().items():
                with suppress(psutil.Error):
                    self.resident[name].append(psutil.Process(pid).memory_info().rss)
            for name, port in self._ports.items():
                self._probe(name, port)

    def _probe(self, name: str, port: int) -> None:
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/livez")
            connection.getresponse()
            self.livez_slowest = max(self.livez_slowest, time.monotonic() - began)
        except TimeoutError:
            self.livez_silent.append(name)
        except (OSError, HTTPException):
            return  # it is dead or not yet there, which the supervisor sees as well
        finally:
            connection.close()

    def peaks(self) -> dict[str, int]:
        """Return the highest resident memory of each process, in MB."""
        return {name: max(values) // _MB for name, values in self.resident.items() if values}

    def growth(self, name: str) -> float:
        """Return by how much the last third of a process's memory is above its middle third, as a share."""
        values = self.resident[name]
        third = len(values) // 3
        if not third:
            return 0.0
        return statistics.median(values[-third:]) / statistics.median(values[third : 2 * third]) - 1


@dataclass
class Report:
    """Rows of the matrix as they were seen; written after each, so that a run that ends early has told something."""

    path: Path
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, row: str, title: str, **figures: object) -> None:
        self.rows[row] = {"title": title, **figures}
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(self.rows, indent=1, default=str) + "\n")


@contextmanager
def seconds() -> Iterator[Callable[[], float]]:
    began = time.monotonic()
    yield lambda: round(time.monotonic() - began, 1)
