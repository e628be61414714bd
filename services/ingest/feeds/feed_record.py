"""The record of a feed, as its bucket keeps it: what was learned, when it is due, and who polls it now."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.messages import Source

FeedState = Literal["active", "paused", "gone"]
TextFrom = Literal["auto", "entry", "page"]
_ENTRY_BYTES = 12  # of a digest: 8 name the entry, 4 its state


class FeedRecord(BaseModel):
    """One feed. Times are UTC, spans are in seconds. ``floor`` is the shortest interval that the server asks for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str = Field(max_length=4096)
    source: Source
    text_from: TextFrom = "auto"
    state: FeedState = "active"
    why: str = ""  # it is paused or gone
    by_hand: bool = False  # a person paused it
    kind: str = ""
    title: str = ""
    moved_from: str = ""
    added_at: AwareDatetime
    next_poll: AwareDatetime
    interval: float = Field(900, ge=0)
    floor: float = Field(0, ge=0)
    etag: str = ""
    last_modified: str = ""
    last_poll: AwareDatetime | None = None
    last_success: AwareDatetime | None = None
    last_new: AwareDatetime | None = None
    gaps: tuple[float, ...] = ()  # between polls that found something new, the latest last
    failures: float = 0  # weight of failures since the last success
    last_failure: str = ""
    articles: int = 0  # published, over all polls
    holder: str = ""  # process that polls it, until lease_until
    lease_until: AwareDatetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.state == "active" and self.next_poll <= now and not self.is_held(now)

    def is_held(self, now: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > now

    def claimed(self, holder: str, now: datetime, seconds: float) -> "FeedRecord":
        return self.model_copy(update={"holder": holder, "lease_until": now + timedelta(seconds=seconds)})

    def released(self) -> "FeedRecord":
        return self.model_copy(update={"holder": "", "lease_until": None})


def feed_id(url: str) -> str:
    """Return the 12 hex digits that name a feed: of the address under which it was added."""
    return sha256(url.encode("utf-8", "replace")).hexdigest()[:12]


def parse_record(key: str, value: bytes) -> tuple[str, FeedRecord]:
    try:
        return key, FeedRecord.model_validate_json(value)
    except (ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from None


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


class SeenEntries:
    """Digests of the entries that were dealt with, in a state each, the latest first; bounded."""

    def __init__(self, data: bytes = b"") -> None:
        whole = len(data) - len(data) % _ENTRY_BYTES
        cut = (data[at : at + _ENTRY_BYTES] for at in range(0, whole, _ENTRY_BYTES))
        self._states = {each[:8]: each[8:] for each in cut}

    def has(self, name: str, state: str) -> bool:
        return self._states.get(_digest(name, 8)) == _digest(state, 4)

    def fresh(self, entries: Sequence[Named]) -> list[Named]:
        """Return the entries that were not dealt with in the state that they are in."""
        return [each for each in entries if not self.has(each.name, each.state)]

    def kept(self, now: Iterable[tuple[str, str]], present: Iterable[str], most: int) -> bytes:
        """Return the digests with ``now`` added: first those of entries that are ``present``, then the latest others.

        All of the present ones stay, so that none is new again while it is in the feed.
        """
        states = {_digest(name, 8): _digest(state, 4) for name, state in now}
        merged = states | {name: state for name, state in self._states.items() if name not in states}
        names = dict.fromkeys(digest for name in present if (digest := _digest(name, 8)) in merged)
        for name in merged:
            if len(names) >= most:
                break
            names.setdefault(name)
        return b"".join(name + merged[name] for name in names)


def _digest(text: str, size: int) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:size]
