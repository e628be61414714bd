"""What `wireroom bench hostile` holds against a stack, and the messages it draws."""

from random import Random

import pytest

from shared.topology import MAX_MESSAGE_BYTES
from wireroom.bench.bench_hostile import Account, Result
from wireroom.bench.hostile_messages import TARGETS, hostile
from wireroom.bench.process_monitor import Memory, Process, weighed

MB = 1024 * 1024
MANY = 400


def a_result(**fields: object) -> Result:
    held = {
        "minutes": 10.0,
        "seed": 1,
        "good": 6000,
        "hostile": {"submission": 3000},
        "refused": {},
        "lost": (),
        "account": Account((), {}, {}),
        "delay_ms": 40.0,
        "usual_delay_ms": 40.0,
        "memory": {"ingest": Memory(60, 60, 0.0), "mongod": Memory(100, 300, 20.0)},
        "loop_longest_ms": {"ingest": 20.0, "store": None},
        "restarts": {},
    }
    return Result(**(held | fields))  # type: ignore[arg-type] # each has its own type


def test_what_held_has_no_problems_and_a_database_may_fill_its_cache() -> None:
    assert a_result().problems == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"lost": (7, 8)}, "2 good articles were not stored"),
        ({"account": Account((7,), {}, {})}, "1 submissions are without a trace"),
        ({"account": Account(None, {}, {})}, "the audit could not read the streams"),
        ({"account": Account((), {}, {"store": 3})}, "3 messages wait for store"),
        ({"memory": {"store": Memory(60, 80, 2.0)}}, "the memory of store grows: 60 MB, then 80 MB"),
        ({"loop_longest_ms": {"ingest": 101.4}}, "the event loop of ingest was blocked for 101 ms"),
        ({"restarts": {"extract": 1}}, "extract ended 1 times, and dead letters explain 0"),
    ],
)
def test_each_promise_that_is_broken_is_a_problem(fields: dict[str, object], problem: str) -> None:
    assert a_result(**fields).problems == [problem]


def test_memory_is_not_judged_while_caches_fill() -> None:
    assert a_result(memory={"extract": Memory(270, 320, 40.0)}, minutes=0.5).problems == []


def test_what_the_crash_guard_set_aside_explains_that_its_process_ended() -> None:
    guarded = Account((), {"ingest crash_loop": 1, "store time_limit": 1}, {})
    assert a_result(account=guarded, restarts={"ingest": 4}).problems == []
    assert a_result(account=guarded, restarts={"ingest": 5}).problems != []


def test_memory_is_weighed_after_its_first_third() -> None:
    flat = [(float(second), (900 if second < 30 else 60) * MB) for second in range(90)]
    assert weighed(flat) == Memory(60, 60, 0.0)
    grows = [(float(second), (60 + second // 6) * MB) for second in range(90)]
    found = weighed(grows)
    assert found.growth > 0.05
    assert 9 < found.mb_per_minute < 11
    assert weighed([(0.0, MB)]) == Memory(1, 1, 0.0)


def test_how_long_a_loop_was_blocked_while_its_process_started_is_no_fault_of_a_message() -> None:
    process = Process()
    process.note({"loop_longest_ms": 400.0, "loop_longest_ms_last_minute": 400.0}, since=1)
    assert process.longest == 0
    process.note({"loop_longest_ms": 400.0, "loop_longest_ms_last_minute": 90.0}, since=61)
    assert process.longest == 90
    process.note({"loop_longest_ms": 450.0, "loop_longest_ms_last_minute": 450.0}, since=62)
    assert process.longest == 450


def test_a_service_that_does_not_tell_was_not_measured() -> None:
    process = Process()
    process.note({"ready": True}, since=1)
    assert process.longest is None


def test_the_same_seed_draws_the_same_messages_and_another_others() -> None:
    first, again, other = ([hostile(Random(seed)) for _ in range(1)] for seed in (1, 1, 2))
    assert first == again != other


def test_the_broker_can_take_each_message_whatever_it_is() -> None:
    chance = Random(7)
    drawn = [hostile(chance) for _ in range(MANY)]
    assert {publication.name for publication in drawn} == TARGETS.keys()
    assert all(len(each.data) + len(each.headers or b"") < MAX_MESSAGE_BYTES for each in drawn)
    assert not any(set(each.subject) & set(b" \t\r\n*>") or b".." in each.subject for each in drawn)
    assert len({each.data for each in drawn}) > MANY / 2
    assert sum(each.headers is not None for each in drawn) > MANY / 3
