"""Quotas by source: token buckets that grow back evenly."""

from shared.runtime.quotas import HOUR, Allowance, Quota


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_all_of_an_allowance_may_come_at_once_and_no_more() -> None:
    quota = Quota(Allowance(100, HOUR, "articles"), Clock())
    assert sum(quota.take("gazette", 1) for _ in range(500)) == 100
    assert quota.take("post", 1), "another source has its own"


def test_what_was_taken_grows_back_evenly_and_never_beyond_the_allowance() -> None:
    clock = Clock()
    quota = Quota(Allowance(3600, HOUR, "articles"), clock)
    assert quota.take("gazette", 3600)
    clock.now += 10
    assert sum(quota.take("gazette", 1) for _ in range(100)) == 10
    clock.now += 10 * HOUR
    assert not quota.take("gazette", 3601)
    assert quota.take("gazette", 3600)


def test_what_is_refused_takes_nothing() -> None:
    quota = Quota(Allowance(10, HOUR, "bytes"), Clock())
    assert not quota.take("gazette", 11)
    assert quota.take("gazette", 10)


def test_any_number_of_sources_takes_bounded_memory() -> None:
    quota = Quota(Allowance(1, HOUR, "articles"), Clock())
    for number in range(30_000):
        assert quota.take(f"source-{number}", 1)
    assert len(quota._left) <= 10_000  # noqa: SLF001 - the bound is what is promised
    assert not quota.take("source-29999", 1)


def test_an_allowance_is_told_in_words() -> None:
    assert str(Allowance(500_000, HOUR, "articles")) == "500,000 articles in an hour"
