"""The breaker: it opens when nearly all messages fail, tries one now and then, and closes by itself."""

import logging

import pytest

from shared.runtime.breaker import Breaker, Key, Limits


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


BUG = KeyError("title")
FAILING = Limits().failing


def key(number: int) -> Key:
    return ("RAW", number)


def tried(breaker: Breaker, number: int, *, fails: bool) -> bool:
    """Work on one message if that may begin; tell whether it began."""
    if breaker.wait(key(number)):
        return False
    if fails:
        breaker.failed(key(number), BUG)
    else:
        breaker.succeeded(key(number))
    breaker.left(key(number))
    return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def broken(clock: Clock) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker(clock=clock)
    for number in range(FAILING):
        assert breaker.reason is None
        assert tried(breaker, number, fails=True)
    assert breaker.reason
    return breaker


def test_it_opens_when_nearly_all_of_the_last_messages_failed_and_says_why(broken: Breaker) -> None:
    assert broken.reason == f"{FAILING} of the last {FAILING} messages failed, lately with KeyError: 'title'"
    assert not tried(broken, 100, fails=False)


def test_it_opens_although_all_went_well_before(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for number in range(1000):
        tried(breaker, number, fails=False)
    failed = 0
    while breaker.reason is None:
        failed += tried(breaker, 2000 + failed, fails=True)
    assert failed == FAILING


def test_a_few_messages_that_fail_often_do_not_stop_the_others(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(100):
        for number in range(FAILING - 1):
            assert tried(breaker, number, fails=True)
    assert breaker.reason is None


def test_many_failures_among_as_many_successes_do_not_open_it(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    assert all(tried(breaker, number, fails=number % 4 != 0) for number in range(400))


def test_a_verdict_on_a_message_says_nothing_of_the_service(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for number in range(400):  # a flood of bad submissions: neither failed nor succeeded
        assert breaker.wait(key(number)) == 0
        breaker.left(key(number))
    assert breaker.reason is None


def test_one_message_at_a_time_is_tried_at_growing_intervals(broken: Breaker, clock: Clock) -> None:
    began, gaps, last = clock.now, [], clock.now
    for number in range(100, 2000):
        if tried(broken, number, fails=True):
            gaps.append(clock.now - last)
            last = clock.now
        clock.now += 0.1
    assert [round(gap) for gap in gaps[:6]] == [1, 2, 4, 8, 16, 30]
    assert max(gaps) < 31
    assert clock.now - began > 180


def test_while_one_is_being_tried_the_others_wait(broken: Breaker, clock: Clock) -> None:
    clock.now += 2
    assert broken.wait(key(100)) == 0
    assert broken.wait(key(101)) > 0
    clock.now += 3600
    assert broken.wait(key(101)) > 0, "it may be held by an outage"
    broken.left(key(100))
    assert broken.wait(key(101)) == 0, "what ended without saying anything of the service made room"


def test_a_try_that_succeeds_closes_it(broken: Breaker, clock: Clock) -> None:
    clock.now += 2
    assert tried(broken, 100, fails=False)
    assert broken.reason is None
    assert all(tried(broken, number, fails=False) for number in range(200, 300))


def test_work_that_began_before_it_opened_neither_closes_it_nor_delays_the_next_try(
    broken: Breaker, clock: Clock
) -> None:
    broken.failed(key(50), BUG)
    broken.succeeded(key(51))
    assert broken.reason
    clock.now += 1.1
    assert tried(broken, 100, fails=False)


def test_one_that_opens_again_soon_keeps_its_long_intervals(broken: Breaker, clock: Clock) -> None:
    for number in range(100, 104):
        clock.now += 30
        assert tried(broken, number, fails=True)
    clock.now += 30
    tried(broken, 104, fails=False)
    for number in range(200, 200 + FAILING):
        tried(broken, number, fails=True)
    clock.now += 10
    assert broken.wait(key(300)) > 0
    clock.now += 20
    assert broken.wait(key(300)) == 0


def test_messages_that_never_failed_are_tried_before_those_that_did(broken: Breaker, clock: Clock) -> None:
    for number in range(FAILING):
        assert broken.wait(key(number)) > 0
    assert broken.wait(key(100)) > 0
    clock.now += 60
    assert broken.wait(key(0)) > 0, "it says nothing of the service that is not known"
    assert broken.wait(key(100)) == 0


def test_one_good_message_among_any_poison_closes_it(broken: Breaker, clock: Clock) -> None:
    clock.now += 1.1
    assert broken.wait(key(100)) == 0
    broken.succeeded(key(100))
    assert broken.reason is None


def test_poison_leaves_where_nothing_else_waits_and_then_it_closes(broken: Breaker, clock: Clock) -> None:
    began, given_up = clock.now, set[int]()
    while broken.reason and clock.now - began < 600:
        for number in range(FAILING):
            if number not in given_up and not broken.wait(key(number)):
                if broken.failed(key(number), BUG):
                    given_up.add(number)
                broken.left(key(number))
        clock.now += 0.1
    assert given_up == set(range(FAILING))
    assert broken.reason is None
    assert clock.now - began < 30


def test_a_broken_service_gives_up_few_messages(broken: Breaker, clock: Clock) -> None:
    """Fresh messages fail as well, so it is not the messages: tries are rare, and so is giving up."""
    given_up, fresh = 0, 1000
    for _ in range(6000):  # ten minutes
        for number in (*range(FAILING), fresh):
            if not broken.wait(key(number)):
                given_up += broken.failed(key(number), BUG)
                broken.left(key(number))
                fresh += number == fresh
        clock.now += 0.1
    assert broken.reason
    assert given_up <= FAILING


def test_it_remembers_nothing_of_messages_that_are_long_gone(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for number in range(10_000):
        assert tried(breaker, number, fails=number % 3 == 0)
    known = (breaker._failed, breaker._suspects, breaker._alone, breaker._fresh)  # noqa: SLF001 - memory is the promise
    assert sum(map(len, known)) <= 2 * Limits().window


def test_it_is_told_once_when_it_opens_and_once_when_it_closes(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    breaker = Breaker(clock=clock)
    with caplog.at_level(logging.DEBUG, "shared.runtime.breaker"):
        for number in range(500):
            tried(breaker, number, fails=True)
            clock.now += 0.1
        clock.now += 60
        tried(breaker, 1000, fails=False)
        tried(breaker, 1001, fails=False)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "18 of the last 18 messages failed" in caplog.text
