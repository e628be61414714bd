"""What a process tells of itself: ready while it can take work, alive while it gets on."""

import json

import pytest

from shared.errors import Unavailable
from shared.observability.process_state import GIVE_UP, NOT_ALIVE, State
from shared.runtime.breaker import Breaker, Limits

AWAY = Unavailable("MongoDB", "db:27017", "refused")


@pytest.fixture
def state() -> State:
    """A process that has seen its consumer."""
    state = State()
    state.looked(0, 0)
    return state


def looks(state: State, count: int, pending: int = 1) -> None:
    for _ in range(count):
        state.looked(pending, 0)


def test_a_process_is_not_ready_before_it_has_seen_its_consumer(state: State) -> None:
    assert not State().ready
    assert state.ready


def test_why_it_is_not_ready_is_told(state: State) -> None:
    state.lost("NATS does not answer: TimeoutError")
    state.dependency = str(AWAY)
    told = json.loads(state.report())
    assert told["ready"] is False
    assert told["why"] == ["NATS does not answer: TimeoutError", "MongoDB at db:27017 is not reachable: refused"]
    state.looked(3, 2)
    state.dependency = None
    still = {"loop_longest_ms": 0.0, "loop_longest_ms_last_minute": 0.0}
    lag = {"pending": 3, "unanswered": 2, "held": 0, "held_seconds": 0.0}
    assert json.loads(state.report()) == {"ready": True, "why": [], "outcomes": {}} | lag | still
    state.stop()
    assert state.why == ["it is stopping"]


def test_a_message_that_waits_for_something_makes_it_not_ready_until_it_is_there(state: State) -> None:
    with state.in_flight() as delivery:
        with pytest.raises(Unavailable), delivery.trying():
            raise AWAY
        assert state.why == [str(AWAY)]
        assert state.held()["held"] == 1
        with delivery.trying():
            assert not state.ready, "it is not known yet"
        assert state.ready
    with state.in_flight() as delivery, pytest.raises(Unavailable), delivery.trying():
        raise AWAY
    assert state.ready, "the message is no longer ours"


def test_an_open_breaker_makes_it_not_ready() -> None:
    breaker = Breaker(Limits(window=1, failing=1))
    state = State(breaker)
    state.looked(9, 1)
    breaker.failed(("RAW", 1), KeyError("title"))
    assert state.why == ["1 of the last 1 messages failed, lately with KeyError: 'title'"]
    looks(state, GIVE_UP)
    assert state.alive, "it is kept from its work"


def test_a_process_with_work_that_does_none_is_not_alive_and_then_gives_up(state: State) -> None:
    looks(state, NOT_ALIVE - 1)
    assert state.alive
    looks(state, 1)
    assert not state.alive
    assert not state.given_up
    looks(state, GIVE_UP - NOT_ALIVE)
    assert state.given_up


def test_a_message_in_hand_is_work_although_no_other_waits(state: State) -> None:
    with state.in_flight():
        looks(state, NOT_ALIVE, pending=0)
        assert not state.alive
    looks(state, 1, pending=0)
    assert state.alive


@pytest.mark.parametrize("between", ["settled", "lost", "idle"])
def test_a_process_that_gets_on_or_cannot_is_alive(state: State, between: str) -> None:
    looks(state, NOT_ALIVE - 1)
    match between:
        case "settled":
            state.settled("done")
        case "lost":
            state.lost("NATS does not answer")
        case _:
            looks(state, 1, pending=0)
    looks(state, NOT_ALIVE - 1)
    assert state.alive


def test_a_process_held_by_an_outage_is_alive(state: State) -> None:
    with state.in_flight() as delivery:
        with pytest.raises(Unavailable), delivery.trying():
            raise AWAY
        looks(state, 2 * GIVE_UP)
        assert state.alive
        assert not state.given_up
