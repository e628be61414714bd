"""When a feed is polled again, paused, or told to be quiet: rules of its own past, with a clock of the test's own."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.feeds import schedule
from services.ingest.feeds.feed_record import FeedRecord
from services.ingest.feeds.schedule import (
    FAILURES,
    MAX_INTERVAL,
    MIN_INTERVAL,
    PAUSE_AT,
    after_failure,
    after_success,
    asked_interval,
    quiet_for,
    retry_after,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = 3600.0


def a_record(**fields: object) -> FeedRecord:
    made = {"url": "https://a.example/f", "source": "a", "added_at": NOON, "next_poll": NOON}
    return FeedRecord.model_validate(made | fields)


def polled(record: FeedRecord, every: float, times: int) -> tuple[FeedRecord, datetime]:
    """Return a feed that brought something new so many times, that long apart in seconds, and when the last was."""
    now = NOON
    for _ in range(times):
        now += timedelta(seconds=every)
        record = after_success(record, now, new=True, floor=0)
    return record, now


@pytest.mark.parametrize(("every", "interval"), [(60, MIN_INTERVAL), (HOUR, HOUR / 3), (7 * 86_400, MAX_INTERVAL)])
def test_a_feed_is_polled_as_often_as_it_changes_within_bounds(every: float, interval: float) -> None:
    record, now = polled(a_record(), every, 10)
    assert record.interval == pytest.approx(interval)
    assert record.next_poll == now + timedelta(seconds=record.interval)


def test_a_feed_that_falls_silent_is_polled_less_and_less_and_then_at_once_as_before() -> None:
    record, now = polled(a_record(), HOUR, 10)
    later = after_success(record, now + timedelta(hours=12), new=False, floor=0)
    assert later.interval == pytest.approx(2 * HOUR)
    again = after_success(later, now + timedelta(hours=13), new=True, floor=0)
    assert again.interval == pytest.approx(HOUR / 3)


def test_what_the_server_asks_for_is_kept_up_to_a_day() -> None:
    assert after_success(a_record(), NOON, new=False, floor=3 * HOUR).interval == 3 * HOUR
    assert after_success(a_record(), NOON, new=False, floor=90 * 86_400).interval == 86_400


@pytest.mark.parametrize(
    ("header", "ttl", "seconds"),
    [
        ("public, max-age=7200", 0, 7200),
        ("s-maxage=60, MAX-AGE=600", 1800, 1800),
        ("no-cache, max-age=7200", 0, 0),
        ("max-age=99999999999999", 0, 999_999_999),
        ("max-age=x", 60, 60),
        ("", 0, 0),
    ],
)
def test_cache_control_and_ttl_are_read(header: str, ttl: float, seconds: float) -> None:
    assert asked_interval({"cache-control": header}, ttl) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("120", 120), ("Sun, 01 Mar 2026 13:00:00 GMT", HOUR), ("Sun, 01 Mar 2026 11:00:00 GMT", 0)),
        *(("soon", 0), ("", 0), ("-5", 0), ("²", 0)),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float) -> None:
    assert retry_after({"retry-after": header}, NOON) == seconds


def test_soft_failures_pause_a_feed_after_weeks_and_hard_ones_at_once() -> None:
    for failure, most in (("timeout", 20), ("http_404", 5), ("address", 2)):
        record, now, times = a_record(), NOON, 0
        while record.state == "active":
            now = record.next_poll
            record = after_failure(record, now, failure, "said")
            times += 1
        assert times == most
        assert record.why.endswith(f"{failure}: said")
    assert now - NOON < timedelta(days=2)


def test_a_success_forgets_failures() -> None:
    failed = after_failure(a_record(), NOON, "timeout", "said")
    assert failed.next_poll > NOON + timedelta(seconds=MIN_INTERVAL)
    assert after_success(failed, NOON, new=False, floor=0).failures == 0


def test_retry_after_is_honoured_up_to_a_week() -> None:
    for asked, kept in ((2 * 86_400, 2 * 86_400), (90 * 86_400, 7 * 86_400)):
        record = after_failure(a_record(), NOON, "http_429", "said", retry_after=asked)
        assert record.next_poll == NOON + timedelta(seconds=kept)


@given(st.sampled_from(FAILURES), st.floats(0, 1e12), st.floats(0, 1e9))
def test_no_failure_and_no_server_takes_a_feed_away_for_longer_than_a_week(
    failure: str, interval: float, wait: float
) -> None:
    record = after_failure(a_record(interval=interval, failures=PAUSE_AT), NOON, failure, "x" * 999, retry_after=wait)
    assert NOON < record.next_poll <= NOON + timedelta(days=7)
    assert len(record.last_failure) <= 300


def test_a_feed_is_quiet_against_its_own_past() -> None:
    busy, now = polled(a_record(), HOUR, 10)
    assert quiet_for(busy, now + timedelta(hours=5)) is None  # six hours at least
    assert quiet_for(busy, now + timedelta(hours=7)) == 7 * HOUR
    weekly, then = polled(a_record(), 7 * 86_400, 10)
    assert quiet_for(weekly, then + timedelta(days=20)) is None
    assert quiet_for(weekly, then + timedelta(days=22)) == 22 * 86_400
    assert quiet_for(polled(a_record(), HOUR, 3)[0], now + timedelta(days=90)) is None  # it has no past
    assert quiet_for(busy.model_copy(update={"state": "paused"}), now + timedelta(days=9)) is None


def test_a_person_is_told_of_feeds_that_stopped_and_that_are_quiet() -> None:
    busy, now = polled(a_record(), HOUR, 10)
    stopped = [a_record(state="gone", source="b"), a_record(state="paused", by_hand=True)]
    assert schedule.findings([busy, *stopped], now) == [
        "1 feed is no longer polled (b). See `wireroom feed ls`.",
    ]
    assert schedule.findings([busy, busy], now + timedelta(days=2)) == [
        "2 feeds are strangely quiet (a). See `wireroom feed ls`.",
    ]


def test_every_failure_of_fetching_and_parsing_has_a_weight() -> None:
    from shared.guarded_http import FetchFailure

    statuses = {schedule.failure_of(status) for status in (400, 401, 403, 404, 418, 429, 500, 599)}
    parsing = {"malformed", "time_limit", "crash"}
    assert {failure.value for failure in FetchFailure} | statuses | parsing == set(FAILURES)
