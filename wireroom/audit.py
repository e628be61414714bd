"""Conservation: every submission that was acknowledged has a fate, or is on its way, or is missing and named.

Places are sequences in INBOX, which are the versions of articles; all evidence is read from the streams anew.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StreamState
from nats.js.errors import NotFoundError

from shared.messages import ArticleStored, ArticleWithdrawn
from shared.reading import all_of
from shared.topology import EXTRACT, STORE
from wireroom.letters import origin

_AT_ONCE = 64  # questions to the broker


@dataclass(frozen=True)
class Evidence:
    """What the streams say. ``raw`` and ``extracted`` hold places whose message its reader has not answered yet."""

    first: int  # place that is looked at first: what is older may have left the streams
    last: int
    stored: dict[int, ArticleStored] = field(default_factory=dict)
    withdrawn: dict[int, str] = field(default_factory=dict)  # places and the ids of their articles
    dead: dict[int, str] = field(default_factory=dict)
    dropped: int = 0
    raw: frozenset[int] = frozenset()
    extracted: frozenset[int] = frozenset()
    inbox: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Balance:
    """``missing`` are places without any trace; up to ``dropped`` of them may be letters that somebody deleted."""

    accepted: int
    outcomes: dict[str, int]
    dead: int
    in_flight: int
    dropped: int
    missing: tuple[int, ...]

    @property
    def adds_up(self) -> bool:
        return len(self.missing) <= self.dropped


def balance(evidence: Evidence, places: Iterable[int] | None = None) -> Balance:
    """Weigh the evidence for these places, by default for all that it covers."""
    # a withdrawn place counts wherever it is: the raw article that would show how far back to look was erased
    covered = {*range(evidence.first, evidence.last + 1), *evidence.withdrawn}
    wanted = covered if places is None else set(places)
    withdrawn = wanted & evidence.withdrawn.keys()
    stored = {place: event for place, event in evidence.stored.items() if place in wanted - withdrawn}
    dead = wanted & evidence.dead.keys() - stored.keys() - withdrawn
    flying = (wanted & (evidence.inbox | evidence.raw | evidence.extracted)) - stored.keys() - withdrawn - dead
    missing = wanted - stored.keys() - withdrawn - dead - flying
    outcomes = Counter[str](event.outcome for event in stored.values())
    if withdrawn:
        outcomes["withdrawn"] = len(withdrawn)
    return Balance(len(wanted), dict(outcomes), len(dead), len(flying), evidence.dropped, tuple(sorted(missing)))


async def gather(js: JetStreamContext) -> Evidence:
    """Read the streams; costs a read of all announcements and of the headers of the articles."""
    inbox = (await js.stream_info("INBOX")).state
    last = inbox.last_seq
    stored, withdrawn = await _fates(js)
    dead = {place: letter async for place, letter in _letters(js)}
    state = (await js.stream_info("DEAD")).state
    raw = {_version(m): m.metadata.sequence.stream async for m in all_of(js, "RAW", EXTRACT.subject, headers_only=True)}
    news = {_version(m): m.metadata.sequence.stream async for m in all_of(js, "NEWS", STORE.subject, headers_only=True)}
    expired = (await js.stream_info("RAW")).state.first_seq > 1
    first = min(raw, default=last + 1) if expired else 1
    unknown = set(range(first, last + 1)) - stored.keys() - withdrawn.keys() - dead.keys() - raw.keys() - news.keys()
    return Evidence(
        first=first,
        last=last,
        stored=stored,
        withdrawn=withdrawn,
        dead=dead,
        dropped=state.last_seq - state.messages,
        raw=await _unanswered(js, raw, EXTRACT.stream, EXTRACT.durable),
        extracted=await _unanswered(js, news, STORE.stream, STORE.durable),
        inbox=await _waiting(js, inbox, unknown),
    )


async def _fates(js: JetStreamContext) -> tuple[dict[int, ArticleStored], dict[int, str]]:
    """Return what was announced of each place; where it was stored and withdrawn the later word holds."""
    stored: dict[int, ArticleStored] = {}
    said: dict[int, int] = {}
    async for message in all_of(js, "NEWS", "news.v1.stored.>"):
        event = ArticleStored.model_validate_json(message.data)
        stored.setdefault(event.version, event)  # extracted anew, a first version stays one
        said[event.version] = message.metadata.sequence.stream
    withdrawn = {}
    async for message in all_of(js, "NEWS", "news.v1.withdrawn.>"):
        event_of_removal = ArticleWithdrawn.model_validate_json(message.data)
        place = event_of_removal.version
        if said.get(place, 0) < message.metadata.sequence.stream:
            stored.pop(place, None)
            withdrawn[place] = event_of_removal.id
    return stored, withdrawn


async def _letters(js: JetStreamContext) -> AsyncIterator[tuple[int, str]]:
    async for message in all_of(js, "DEAD", "news.dead.>"):
        if place := origin(message):
            yield place, (message.headers or {}).get("wireroom-reason", "")


def _version(message: Msg) -> int:
    return int((message.headers or {})["ce-id"].rpartition(":")[2])


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
        there = await asyncio.gather(*(_is_in_inbox(js, place) for place in some))
        found += [place for place, is_there in zip(some, there, strict=True) if is_there]
    return frozenset(found)


async def _is_in_inbox(js: JetStreamContext, place: int) -> bool:
    try:
        await js.get_msg("INBOX", place)
    except NotFoundError:
        return False
    return True


def ledger_places(lines: Iterable[str]) -> list[int]:
    """Return the places of a publisher's ledger: JSON lines with the ``sequence`` of each acknowledgement."""
    return [int(json.loads(line)["sequence"]) for line in lines if line.strip()]
