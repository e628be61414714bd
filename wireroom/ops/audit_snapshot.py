"""The audit snapshot: what streams and dead letters say of each submission, read anew each time.

Places are sequences in INBOX, which are the versions of articles.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from nats.js import JetStreamContext
from nats.js.api import StreamState
from pydantic import ValidationError

from shared.broker.accounting import Gap, moved, place_of, trimmed
from shared.broker.accounting import gaps as left_out
from shared.broker.dead_letter_status import DeadLetterState, DeadLetterStatuses
from shared.broker.stream_reader import all_of, get
from shared.messages import ArticleStored, ArticleWithdrawn
from shared.topology import EXTRACT, MATCHED, STORE
from wireroom.ops.dead_letter_queue import origins

M = TypeVar("M", ArticleStored, ArticleWithdrawn)

_AT_ONCE = 64  # questions to the broker


@dataclass(frozen=True)
class AuditSnapshot:
    """What the streams say of each place; ``raw`` and ``extracted``: places whose message is not answered yet."""

    first: int  # place that is looked at first: what is older may have left the streams
    last: int
    stored: dict[int, ArticleStored] = field(default_factory=dict)
    withdrawn: dict[int, str] = field(default_factory=dict)  # places and the ids of their articles
    dead: dict[int, str] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()  # places whose dead letter was deleted with `wireroom dead drop`
    raw: frozenset[int] = frozenset()
    extracted: frozenset[int] = frozenset()
    inbox: frozenset[int] = frozenset()
    gaps: tuple[Gap, ...] = ()  # numbers of a broker whose data is gone
    moved: Mapping[int, int] = field(default_factory=dict)  # numbers of gaps that others took the place of
    accepted_losses: frozenset[int] = frozenset()  # places that a person has said to be lost
    kept: frozenset[int] = frozenset()  # places of gaps of which the database has an article or an older version

    @property
    def covered(self) -> set[int]:
        """The places that were given for sure, as far back as is looked."""
        spans = [range(self.first, self.last + 1)]
        for gap in self.gaps:
            spans = _without(spans, range(gap.first, gap.next))
        spans += [range(max(self.first, gap.since), gap.known + 1) for gap in self.gaps]
        for gap in self.gaps:  # what was left out behind one gap may lie before the numbers of the next
            spans = _without(spans, range(gap.known + 1, gap.next))
        return set[int]().union(*spans)

    def too_old(self, place: int) -> bool:
        """Whether nothing can be said of a place without a trace, since it may have left the streams by its age."""
        return place < self.first or any(gap.first <= place < gap.since for gap in self.gaps)


def _without(spans: list[range], left_out: range) -> list[range]:
    """Cut a range out of others."""
    before = [range(span.start, min(span.stop, left_out.start)) for span in spans]
    after = [range(max(span.start, left_out.stop), span.stop) for span in spans]
    return [span for span in (*before, *after) if span]


def both(earlier: AuditSnapshot, later: AuditSnapshot) -> AuditSnapshot:
    """Return what either of two looks saw, of the places that the earlier covers."""
    return replace(
        earlier,
        stored=earlier.stored | later.stored,
        withdrawn=earlier.withdrawn | later.withdrawn,
        dead=earlier.dead | later.dead,
        dropped=earlier.dropped | later.dropped,
        raw=earlier.raw | later.raw,
        extracted=earlier.extracted | later.extracted,
        inbox=earlier.inbox | later.inbox,
    )


async def look(js: JetStreamContext) -> AuditSnapshot:
    """Read downstream, the way that messages go: each is in its next stream before it is answered in the one before."""
    inbox = (await js.stream_info("INBOX")).state
    last = inbox.last_seq
    raw = await _places(js, "RAW", EXTRACT.subject)
    unanswered_raw = await _unanswered(js, raw, EXTRACT.stream, EXTRACT.durable)
    news = await _places(js, "NEWS", STORE.subject)
    unanswered_news = await _unanswered(js, news, STORE.stream, STORE.durable)
    stored, withdrawn = await _outcomes(js)
    dropped = frozenset(
        m.place for m in (await DeadLetterStatuses(js).all()).values() if m.state is DeadLetterState.DROPPED and m.place
    )
    dead = {origin: reason async for origin, reason in _letters(js)}
    first = (await trimmed(js) or 0) + 1
    known = stored.keys() | withdrawn.keys() | dead.keys() | dropped | raw.keys() | news.keys()
    gaps = await left_out(js)
    found = AuditSnapshot(
        first=first,
        last=last,
        stored=stored,
        withdrawn=withdrawn,
        dead=dead,
        dropped=dropped,
        raw=unanswered_raw,
        extracted=unanswered_news,
        gaps=gaps,
        moved=await moved(js),
    )
    return replace(found, inbox=await _waiting(js, inbox, {p for p in found.covered - known if not _in(gaps, p)}))


def _in(gaps: tuple[Gap, ...], place: int) -> bool:
    return any(place in gap for gap in gaps)


async def _places(js: JetStreamContext, stream: str, subject: str) -> dict[int, int]:
    """Return where in a stream the last message of each place is; what others put there has none."""
    found = {}
    async for message in all_of(js, stream, subject):
        if version := place_of(message.headers):
            found[version] = message.metadata.sequence.stream
    return found


async def _outcomes(js: JetStreamContext) -> tuple[dict[int, ArticleStored], dict[int, str]]:
    """Return what was announced of each place; where it was stored and withdrawn the later word holds."""
    stored: dict[int, ArticleStored] = {}
    said: dict[int, int] = {}
    async for event, sequence in _events(js, "news.v1.stored.>", ArticleStored):
        stored.setdefault(event.version, event)  # extracted anew, a first version stays one
        said[event.version] = sequence
    withdrawn = {}
    async for removal, sequence in _events(js, "news.v1.withdrawn.>", ArticleWithdrawn):
        if said.get(removal.version, 0) < sequence:
            stored.pop(removal.version, None)
            withdrawn[removal.version] = removal.id
    return stored, withdrawn


async def _events(js: JetStreamContext, subject: str, model: type[M]) -> AsyncIterator[tuple[M, int]]:
    """Yield the events of a kind and their places in NEWS; what others put there does not count."""
    async for message in all_of(js, "NEWS", subject):
        with suppress(ValidationError):
            yield model.model_validate_json(message.data), message.metadata.sequence.stream


async def _letters(js: JetStreamContext) -> AsyncIterator[tuple[int, str]]:
    async for message in all_of(js, "DEAD", "news.dead.>"):
        if (message.headers or {}).get("wireroom-stream") == MATCHED:
            continue  # what became of the article itself is another matter
        for found in origins(message):
            yield found, (message.headers or {}).get("wireroom-reason", "")


async def _unanswered(js: JetStreamContext, places: dict[int, int], stream: str, durable: str) -> frozenset[int]:
    """Return the places whose message is beyond what the reader has answered without a gap."""
    info = await js.consumer_info(stream, durable)
    if not info.num_pending and not info.num_ack_pending:
        return frozenset()
    floor = info.ack_floor.stream_seq if info.ack_floor else 0
    return frozenset(place for place, sequence in places.items() if sequence > floor)


async def _waiting(js: JetStreamContext, inbox: StreamState, places: set[int]) -> frozenset[int]:
    """Return which of the places are still in INBOX; only where it has gaps each has to be asked for."""
    candidates = sorted(place for place in places if inbox.first_seq <= place)
    if not inbox.num_deleted:
        return frozenset(candidates)
    found: list[int] = []
    for start in range(0, len(candidates), _AT_ONCE):
        some = candidates[start : start + _AT_ONCE]
        there = await asyncio.gather(*(get(js, "INBOX", sequence) for sequence in some))
        found += [sequence for sequence, message in zip(some, there, strict=True) if message]
    return frozenset(found)
