"""Imports: the runs of `wireroom publish`, and taking one back.

A run is taken back with tombstones: what waits in INBOX is withdrawn when ingest comes to it, what is stored is
withdrawn at once, and every accepted version keeps its outcome. When nothing of the run is left the tombstones are
lifted, so that the articles can be imported again as they should be.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.broker.envelope import BATCH
from shared.broker.stream_reader import all_of, place
from shared.broker.withdrawals import TOMBSTONES, Tombstone
from shared.messages import ArticleExtracted, ArticleIngested, ArticleStored
from wireroom.ops import dead_letter_queue, withdraw
from wireroom.ops.withdraw import Found

_SUBJECTS = (
    ("RAW", ArticleIngested.subject_pattern),
    ("NEWS", ArticleExtracted.subject_pattern),
    ("NEWS", ArticleStored.subject_pattern),
)


@dataclass
class Run:
    """What the broker has of a run: unread submissions, raw articles, dead letters, and since when."""

    began: datetime | None = None
    waiting: int = 0
    ingested: int = 0
    dead: int = 0

    def seen(self, at: datetime) -> None:
        self.began = min(self.began or at, at)


@dataclass
class Content:
    """The articles of a run, with the versions it made of them."""

    waiting: dict[str, Found] = field(default_factory=dict)
    versions: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


def reason(run: str) -> str:
    """Return what consumers are told, by which the tombstones of a run are known too."""
    return f"import {run} was taken back"


async def runs(js: JetStreamContext) -> dict[str, Run]:
    """Return every run that the streams still tell of."""
    found = defaultdict[str, Run](Run)
    async for message in all_of(js, "RAW", _every(ArticleIngested.subject_pattern)):
        if name := _run_of(message):
            found[name].seen(message.metadata.timestamp)
            found[name].ingested += 1
    async for unread in withdraw.waiting(js):
        if name := unread.headers.get(BATCH):
            found[name].seen(unread.at)
            found[name].waiting += 1
    async for letter in dead_letter_queue.read(js):
        if name := letter.headers.get(BATCH):
            found[name].seen(letter.at)
            found[name].dead += 1
    return dict(found)


async def content(js: JetStreamContext, run: str) -> Content:
    """Return which articles came with a run, as far as the streams tell."""
    found = Content()
    async for unread in withdraw.waiting(js):
        if unread.headers.get(BATCH) == run:
            one: dict[str, Found] = {}
            withdraw.note_waiting(one, unread, None)
            for name, article in one.items():
                found.waiting.setdefault(name, Found(source=article.source)).waiting += 1
                found.waiting[name].names |= article.names
                found.versions[name].add(unread.sequence)
    for stream, pattern in _SUBJECTS:
        async for message in all_of(js, stream, _every(pattern)):
            if _run_of(message) == run:
                _, _, rest = (message.headers or {}).get("ce-id", "").partition(":")
                name, _, version = rest.partition(":")
                if (number := place(version)) is not None:
                    found.versions[name].add(number)
    return found


def older(found: Content, stored: Mapping[str, Mapping[str, Any]], history: Mapping[str, set[int]]) -> set[str]:
    """Return the articles that were there before the run: to withdraw them would take more than the run brought."""
    return {
        name
        for name, versions in found.versions.items()
        if (history.get(name, set()) | _content_versions(stored.get(name))) - versions
    }


def _content_versions(document: Mapping[str, Any] | None) -> set[int]:
    """Return the version whose text is stored; the document's own may be of a mere repetition."""
    return {int(document.get("content_version", document["version"]))} if document else set()


async def tombstones(js: JetStreamContext, run: str) -> list[Tombstone]:
    """Return what was set to take a run back and not lifted yet."""
    return [stone for stone in (await TOMBSTONES.all(js)).values.values() if stone.reason == reason(run)]


async def is_left(js: JetStreamContext, run: str, kept: set[str]) -> bool:
    """Tell whether something of a run is still on its way."""
    found = await content(js, run)
    return bool(found.versions.keys() - kept)


def _run_of(message: Msg) -> str | None:
    return (message.headers or {}).get(BATCH)


def _every(pattern: str) -> str:
    return pattern.partition("{")[0] + ">"
