"""When a feed is polled again, when it is paused, and when it is strangely quiet: pure rules of its own past.

An interval is a fraction of the usual time between two polls that found something new, within bounds and never below
what the server asks for. Failures have weights; their sum since the last success lengthens the interval, and pauses
the feed when it reaches a limit.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from services.ingest.feeds.feed_record import FeedRecord

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
MIN_INTERVAL, MAX_INTERVAL = 5 * MINUTE, 6 * HOUR
FIRST_INTERVAL = 15 * MINUTE
_POLLS_IN_A_GAP = 3  # that many polls in the usual time between two new entries
_GAPS = 24  # remembered
_MAX_FLOOR = DAY  # what a server may ask for by Cache-Control and ttl
_MAX_RETRY_AFTER = 7 * DAY
_MAX_BACKOFF = DAY
PAUSE_AT = 20.0  # weight of failures: twenty soft ones, which are some two weeks, or five hard ones
_QUIET_GAPS = 8  # fewer are no past to compare with
_QUIET_TIMES = 3  # the longest gap of the past
_QUIET_AT_LEAST = 6 * HOUR
_NAMED = 5  # sources in a sentence
_MAX_AGE = re.compile(r"\b(?:s-maxage|max-age)\s*=\s*\"?(\d{1,9})", re.IGNORECASE)

# what may pass by itself weighs 1; what a person has to look at more
WEIGHTS: Mapping[str, float] = {
    **dict.fromkeys(("timeout", "connect", "dns", "protocol", "http_5xx", "encoding"), 1.0),
    "http_429": 0.5,
    **dict.fromkeys(("tls", "http_401", "http_403", "redirects"), 2.0),
    **dict.fromkeys(("http_404", "http_4xx", "malformed", "time_limit", "crash", "too_large"), 4.0),
    **dict.fromkeys(("address", "port", "bad_url", "bad_scheme", "credentials", "downgrade", "bomb"), 10.0),
}
FAILURES = tuple(WEIGHTS)  # closed: metric labels


def failure_of(status: int) -> str:
    """Return the failure that a status is."""
    if status in {401, 403, 404, 429}:
        return f"http_{status}"
    return "http_5xx" if status >= 500 else "http_4xx"  # noqa: PLR2004


def after_success(record: FeedRecord, now: datetime, *, new: bool, floor: float) -> FeedRecord:
    """Return the record after an answer that was read or unchanged; ``floor`` is what the server asks for."""
    gaps = record.gaps
    if new and record.last_new:
        gaps = (*gaps, max((now - record.last_new).total_seconds(), 1.0))[-_GAPS:]
    last_new = now if new else record.last_new
    floor = min(floor, _MAX_FLOOR)
    interval = max(_interval(gaps, last_new or record.added_at, now), floor)
    return record.model_copy(
        update={
            "gaps": gaps,
            "last_new": last_new,
            "last_poll": now,
            "last_success": now,
            "failures": 0.0,
            "last_failure": "",
            "floor": floor,
            "interval": interval,
            "next_poll": now + timedelta(seconds=interval),
        }
    )


def _interval(gaps: tuple[float, ...], last_new: datetime, now: datetime) -> float:
    if not gaps:
        since = (now - last_new).total_seconds()
        return min(max(FIRST_INTERVAL, since / _POLLS_IN_A_GAP), MAX_INTERVAL)
    usual = sorted(gaps)[len(gaps) // 2]
    since = (now - last_new).total_seconds()
    return min(max(max(usual, since / 2) / _POLLS_IN_A_GAP, MIN_INTERVAL), MAX_INTERVAL)


def after_failure(
    record: FeedRecord, now: datetime, failure: str, detail: str, *, retry_after: float = 0
) -> FeedRecord:
    """Return the record after a failure: polled again later each time, and paused with the reason at the limit."""
    weight = record.failures + WEIGHTS[failure]
    said = f"{failure}: {detail}"[:300]
    backoff = min(max(record.interval, MIN_INTERVAL) * 2 ** min(weight / 2, 16), _MAX_BACKOFF)
    wait = max(backoff, min(retry_after, _MAX_RETRY_AFTER))
    update = {
        "last_poll": now,
        "failures": weight,
        "last_failure": said,
        "next_poll": now + timedelta(seconds=wait),
    }
    if weight >= PAUSE_AT:
        update |= {"state": "paused", "why": f"it failed too often; the last time {said}"}
    return record.model_copy(update=update)


def gone(record: FeedRecord, now: datetime) -> FeedRecord:
    """Return the record of a feed whose server says that it is gone for good."""
    said = {"state": "gone", "why": "http_410: the server says that it is gone for good"}
    return record.model_copy(update={"last_poll": now, **said})


def quiet_for(record: FeedRecord, now: datetime) -> float | None:
    """Return for how many seconds a feed has been strangely quiet, against its own past; None where it is not."""
    if record.state != "active" or record.last_new is None or len(record.gaps) < _QUIET_GAPS:
        return None
    since = (now - record.last_new).total_seconds()
    return since if since > max(_QUIET_TIMES * max(record.gaps), _QUIET_AT_LEAST) else None


def findings(records: Iterable[FeedRecord], now: datetime) -> list[str]:
    """Return what a person should look at, one sentence each with what to do."""
    found = [*records]
    stopped = [each for each in found if each.state != "active" and not each.by_hand]
    quiet = [each for each in found if quiet_for(each, now) is not None]
    said = []
    for those, one, many in (
        (stopped, "feed is no longer polled", "feeds are no longer polled"),
        (quiet, "feed is strangely quiet", "feeds are strangely quiet"),
    ):
        if those:
            names = ", ".join(sorted({each.source for each in those})[:_NAMED])
            said.append(f"{len(those)} {one if len(those) == 1 else many} ({names}). See `wireroom feed ls`.")
    return said


def asked_interval(headers: Mapping[str, str], ttl: float = 0) -> float:
    """Return the shortest interval that an answer asks for, in seconds: ``Cache-Control`` or the feed's own ttl."""
    said = headers.get("cache-control", "")
    found = _MAX_AGE.search(said)
    age = 0.0 if found is None or re.search(r"no-(?:cache|store)", said, re.IGNORECASE) else float(found[1])
    return max(age, ttl)


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Return for how many seconds an answer asks to be left alone; 0 where it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp(), 0.0)


def again_within(record: FeedRecord, now: datetime, seconds: float) -> FeedRecord:
    """Return the record with its next poll no later than that, because entries are left to do."""
    return record.model_copy(update={"next_poll": min(record.next_poll, now + timedelta(seconds=seconds))})
