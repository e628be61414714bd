"""Dead letters: a message that is rejected keeps its bytes, and headers say who, what, when and why.

A dead letter that the broker cannot take whole is cut: it has the beginning, the size and the hash of the original,
which also stays in its stream while that keeps it. What a source has beyond its quota is summed up: one dead letter for
many, with their places in the streams and without their bytes, so that no source can fill DEAD.
"""

import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.broker.envelope import accepted, foreign
from shared.broker.publish import publish
from shared.errors import Reason, Rejected
from shared.messages import verified_source
from shared.runtime.batching import Batcher
from shared.runtime.quotas import Quota

log = logging.getLogger(__name__)

CUT = "wireroom-cut"  # of a cut dead letter: bytes of the original
SHA256 = "wireroom-sha256"  # of the original, hexadecimal
PLACES = "wireroom-places"  # of a summary: places in INBOX, such as 3-17,21
UNKNOWN_SOURCE = "-"  # of a message that does not say its source

_MAX_DETAIL = 1000
_KEPT_BYTES = 1024  # of a dead letter that is cut
_SUMMED_UP_AT_ONCE = 512
_ENOUGH = 64  # for a dead letter at once: half of what ingest has in flight, so that the others still have a place
_PATIENCE = 0.25  # seconds to wait for so many: at most four dead letters a second where they come slowly
_DIGITS = re.compile(r"[0-9]{1,19}")
_SOURCE = re.compile(rb'"source"\s*:\s*"([a-z0-9-]{1,64})"')


@dataclass(frozen=True)
class _Entry:
    """A message that was dead-lettered beyond its source's quota."""

    raw: Msg
    rejection: Rejected
    source: str


class DeadLetters:
    """Where one service sets messages aside; ``quota`` is in bytes, for each source."""

    def __init__(self, service: str, js: JetStreamContext, quota: Quota | None = None) -> None:
        self._service, self._js, self._quota = service, js, quota
        self._summaries = Batcher[_Entry, None](
            self._sum_up, size=_SUMMED_UP_AT_ONCE, patience=_PATIENCE, enough=_ENOUGH
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["DeadLetters"]:
        """Sum up, beyond quotas, while the block runs."""
        async with self._summaries.running():
            yield self

    async def put(self, raw: Msg, rejection: Rejected) -> None:
        """Dead-letter a message and wait for the broker's acknowledgement; repeating it changes nothing.

        Raises Unavailable while the broker does not answer or DEAD is full.
        """
        source = source_of(raw)
        if rejection.reason is Reason.OVER_QUOTA or not self._has_room(source, len(raw.data)):
            await self._summaries.submit(_Entry(raw, rejection, source))
            return
        try:
            await self._publish(rejection, raw.data, self._facts(raw, rejection))
        except Rejected as refusal:
            digest = hashlib.sha256(raw.data).hexdigest()
            cut = {CUT: str(len(raw.data)), SHA256: digest, "wireroom-cut-because": _ascii(refusal.detail, 200)}
            await self._publish(rejection, raw.data[:_KEPT_BYTES], self._facts(raw, rejection) | cut)
        log.warning("dead-lettered %s as %s: %s", raw.subject, rejection.reason, rejection.detail[:200])

    def _has_room(self, source: str, size: int) -> bool:
        return self._quota is None or self._quota.take(source, size + _KEPT_BYTES)

    def _facts(self, raw: Msg, rejection: Rejected) -> dict[str, str]:
        place = raw.metadata
        return {
            **accepted(raw.headers),
            **foreign(raw.headers),
            "Nats-Msg-Id": f"{place.stream}:{place.sequence.stream}:{place.consumer}:{place.timestamp.timestamp()}",
            **self._common(rejection.reason, rejection.detail, raw),
            "wireroom-sequence": str(place.sequence.stream),
            "wireroom-attempts": str(place.num_delivered),
        }

    def _common(self, reason: Reason, detail: str, raw: Msg) -> dict[str, str]:
        return {
            "wireroom-service": self._service,
            "wireroom-reason": reason,
            "wireroom-detail": _ascii(detail, _MAX_DETAIL),
            "wireroom-subject": _ascii(raw.subject, _MAX_DETAIL),
            "wireroom-stream": raw.metadata.stream,
            "wireroom-at": datetime.now(UTC).isoformat(),
        }

    async def _publish(self, rejection: Rejected, data: bytes, headers: dict[str, str]) -> None:
        subject = f"news.dead.{self._service}.{rejection.reason}"

        def same(stored_at: str, stored: bytes) -> bool:
            """After a crash the message may be rejected once more, for another reason: one dead letter is enough."""
            return stored_at.startswith(f"news.dead.{self._service}.") and stored == data

        await publish(self._js, subject, data, stream="DEAD", headers=headers, same=same)

    async def _sum_up(self, entries: Sequence[_Entry]) -> Sequence[Exception | None]:
        """Write one dead letter for each source and reason among the entries."""
        groups: dict[tuple[str, Reason], list[_Entry]] = {}
        for entry in entries:
            groups.setdefault((entry.source, entry.rejection.reason), []).append(entry)
        for (source, reason), group in groups.items():
            await self._write_summary(source, reason, group)
        return [None] * len(entries)

    async def _write_summary(self, source: str, reason: Reason, group: Sequence[_Entry]) -> None:
        first, size = group[0], sum(len(entry.raw.data) for entry in group)
        detail = first.rejection.detail
        if self._quota and reason is not Reason.OVER_QUOTA:
            detail += f"; beyond the quota of {self._quota.allowance} for dead letters of its source, so without bytes"
        places = [place for entry in group if (place := place_of(entry.raw)) is not None]
        sequences = [entry.raw.metadata.sequence.stream for entry in group]
        body = {"source": source, "messages": len(group), "bytes": size, "sequences": as_ranges(sequences)}
        headers = self._common(reason, detail, first.raw) | {PLACES: as_ranges(places), CUT: str(size)}
        await self._publish(first.rejection, json.dumps(body).encode(), headers)
        log.warning("dead-lettered %d messages of source %s as %s: %s", len(group), source, reason, detail[:200])


def source_of(raw: Msg) -> str:
    """Return the source that a message says it has, in its subject or else in its body; "-" if it says none."""
    *_, last = raw.subject.split(".")
    if raw.metadata.stream != "INBOX":
        return last[:64]
    if verified := verified_source(raw.subject):
        return verified
    found = _SOURCE.search(raw.data)
    return found[1].decode() if found else UNKNOWN_SOURCE


def place_of(raw: Msg) -> int | None:
    """Return the place in INBOX of a message of any of our streams; None if its headers do not say."""
    if raw.metadata.stream == "INBOX":
        return raw.metadata.sequence.stream
    place = accepted(raw.headers).get("ce-id", "").rpartition(":")[2]
    return int(place) if place.isascii() and place.isdecimal() and len(place) < len(str(2**63)) else None


def as_ranges(numbers: Iterable[int]) -> str:
    """Return numbers as ranges: 3-5,9."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number <= ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def from_ranges(text: str) -> set[int]:
    """Return the numbers of ranges; what is none is left out, and so is a range longer than any of ours."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if _DIGITS.fullmatch(first) and _DIGITS.fullmatch(last or first):
            numbers.update(range(int(first), min(int(last or first), int(first) + _SUMMED_UP_AT_ONCE - 1) + 1))
    return numbers


def _ascii(text: str, limit: int) -> str:
    """Return text as a header value: on one line, cut, in ASCII."""
    return " ".join(text[: 2 * limit].split()).encode("ascii", "backslashreplace").decode()[:limit]
