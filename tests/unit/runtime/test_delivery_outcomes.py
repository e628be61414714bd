"""Outcomes of a delivery: ack, retry, dead letter, held. Nothing is answered before it is durable."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Awaitable, Callable

import pytest
from nats.errors import MaxPayloadError, NoRespondersError
from nats.js.errors import APIError

from shared.broker.dead_letters import CUT, SHA256
from shared.broker.envelope import FOREIGN
from shared.broker.publish import publish
from shared.errors import Reason, Rejected, Unavailable
from shared.observability.process_state import InFlight
from shared.runtime.breaker import Breaker, Limits
from shared.runtime.delivery import Attempts
from tests.fakes.delivery_fakes import a_context, settle
from wireroom.testing.fake_broker import FakeCrashGuard, FakeJetStream, FakeMsg

SOON = Attempts(first_delay=0.0)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def failing(*errors: Exception | None) -> Callable[[], Awaitable[None]]:
    """Work that raises each error in turn and then succeeds; None is a success in between."""
    left = list(errors)

    async def work() -> None:
        if left and (error := left.pop(0)):
            raise error

    return work


ENDED: list[str] = []


@pytest.fixture(autouse=True)
def _alive() -> None:
    ENDED.clear()


async def settled(
    message: FakeMsg,
    work: Callable[[], Awaitable[None]],
    js: FakeJetStream,
    attempts: Attempts = SOON,
    crash_guard: FakeCrashGuard | None = None,
) -> str:
    context = a_context(js, attempts, crash_guard=crash_guard, end_process=lambda: ENDED.append("process"))
    return await settle(message, work, context)


async def test_work_that_succeeds_is_acknowledged_once() -> None:
    message, js = FakeMsg(), FakeJetStream()
    assert await settled(message, failing(), js) == "done"
    assert message.answers == ["ack"]
    assert js.published == []


@pytest.mark.parametrize("attempt", [1, 2, 3, 4])
async def test_an_unexpected_failure_is_tried_again_after_a_growing_delay(attempt: int) -> None:
    message, js = FakeMsg(delivered=attempt), FakeJetStream()
    assert await settled(message, failing(KeyError("x")), js, Attempts()) == "later"
    [(answer, delay)] = message.answers
    assert answer == "nak"
    assert 0.8 * 2 ** (attempt - 1) <= delay <= 1.2 * 2 ** (attempt - 1)
    assert js.published == []


async def test_the_last_attempt_sets_the_message_aside_with_the_error() -> None:
    message, js = FakeMsg(b"original", {"traceparent": TRACE, "Nats-Msg-Id": "m"}, delivered=5), FakeJetStream()
    assert await settled(message, failing(KeyError("field")), js) == Reason.RETRIES_EXHAUSTED
    assert message.answers == ["term"]
    [letter] = js.published
    assert (letter.subject, letter.stream, letter.data) == ("news.dead.extract.retries_exhausted", "DEAD", b"original")
    assert letter.headers["wireroom-detail"] == "KeyError: 'field'"
    assert letter.headers["wireroom-attempts"] == "5"
    assert letter.headers["wireroom-subject"] == "news.v1.raw.harbour-gazette"
    assert letter.headers["traceparent"] == TRACE
    assert letter.headers["Nats-Msg-Id"] != "m", "the letter is a message of its own"


async def test_a_rejected_message_is_set_aside_and_not_retried() -> None:
    message, js = FakeMsg(b"\xff\xfe"), FakeJetStream()
    verdict = Rejected(Reason.NOT_UTF8, "byte 0 is not UTF-8\nnot at all \N{SNOWMAN}")
    assert await settled(message, failing(verdict), js) == "not_utf8"
    assert message.answers == ["term"]
    assert js.published[0].headers["wireroom-detail"] == "byte 0 is not UTF-8 not at all \\u2603"


async def test_a_message_that_keeps_ending_its_process_is_set_aside_before_it_is_touched() -> None:
    touched = []

    async def work() -> None:
        touched.append(True)

    message, js, crash_guard = FakeMsg(delivered=4), FakeJetStream(), FakeCrashGuard(before=3)
    assert await settled(message, work, js, crash_guard=crash_guard) == Reason.CRASH_LOOP
    assert touched == []
    assert message.answers == ["term"]
    assert crash_guard.notes == {}, "the letter says it all"


async def test_a_neighbour_that_shared_every_death_is_worked_on_and_not_blamed() -> None:
    message, js, crash_guard = FakeMsg(delivered=40), FakeJetStream(), FakeCrashGuard()
    assert await settled(message, failing(), js, crash_guard=crash_guard) == "done"
    assert message.answers == ["ack"]
    assert crash_guard.notes == {}


async def test_a_death_leaves_its_note_behind() -> None:
    message, crash_guard = FakeMsg(delivered=2), FakeCrashGuard()

    async def dies() -> None:
        raise SystemExit  # stands for what no code of ours survives

    with pytest.raises(SystemExit):
        await settled(message, dies, FakeJetStream(), crash_guard=crash_guard)
    assert crash_guard.notes == {7: 1}
    assert message.answers == []


async def test_an_outage_while_worked_on_alone_blames_nobody() -> None:
    crash_guard = FakeCrashGuard()

    async def away() -> None:
        assert crash_guard.notes == {7: 1}
        raise KeyboardInterrupt if crash_guard.cleared else Unavailable("MongoDB", "db", "refused")

    with pytest.raises(KeyboardInterrupt):
        await settled(FakeMsg(delivered=2), away, FakeJetStream(), crash_guard=crash_guard)
    assert crash_guard.cleared == 1, "a restart during the outage would find no note"


async def test_suspects_are_worked_on_one_after_the_other() -> None:
    crash_guard, inside, most = FakeCrashGuard(), 0, 0

    async def work() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    messages = [FakeMsg(delivered=2) for _ in range(5)]
    await asyncio.gather(*(settled(message, work, FakeJetStream(), crash_guard=crash_guard) for message in messages))
    assert most == 1


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_work_that_hangs_among_others_ends_the_process_and_blames_nobody_yet() -> None:
    message, js = FakeMsg(), FakeJetStream()
    assert await settled(message, hangs, js, Attempts(time_limit=0.01)) == "unanswered"
    assert ENDED == ["process"]
    assert (message.answers, js.published) == ([], [])


async def test_work_that_hangs_alone_is_set_aside_and_then_the_process_ends() -> None:
    message, js = FakeMsg(delivered=2), FakeJetStream()
    assert await settled(message, hangs, js, Attempts(time_limit=0.01)) == Reason.TIME_LIMIT
    assert ENDED == ["process"]
    assert message.answers == ["term"]
    assert js.published[0].headers["wireroom-detail"] == "not done within 0.01 s"


async def test_a_timeout_of_the_work_itself_is_an_error_like_any_other() -> None:
    message = FakeMsg()
    assert await settled(message, failing(TimeoutError("socket")), FakeJetStream(), Attempts(time_limit=5)) == "later"
    assert ENDED == []


async def test_signs_of_life_are_sent_while_the_work_goes_on() -> None:
    message = FakeMsg()

    async def long() -> None:
        while message.answers.count("in_progress") < 3:  # noqa: ASYNC110 - the fake has no event
            await asyncio.sleep(0.001)

    assert await settled(message, long, FakeJetStream(), Attempts(heartbeat=0.001)) == "done"
    assert message.answers[-1] == "ack"


@pytest.mark.parametrize(
    "error", [TimeoutError(), APIError(code=503, err_code=10077, description="maximum bytes exceeded")]
)
async def test_a_message_is_held_and_not_terminated_while_it_cannot_be_set_aside(error: Exception) -> None:
    message, js, in_flight = FakeMsg(), FakeJetStream(error, error), InFlight()
    context = a_context(js, Attempts(first_delay=0.01))
    settling = asyncio.create_task(settle(message, failing(Rejected(Reason.SCHEMA, "x")), context, in_flight))
    while in_flight.waits_for is None:  # noqa: ASYNC110 - a in_flight has no event
        await asyncio.sleep(0)
    assert "NATS stream DEAD" in in_flight.waits_for
    assert message.answers == []
    assert await settling == "schema"
    assert message.answers == ["term"]
    assert len(js.published) == 1
    assert in_flight.waits_for is None


async def test_an_outage_spends_no_attempt_and_the_message_is_held() -> None:
    away = Unavailable("MongoDB", "db:27017", "refused")
    message, js = FakeMsg(delivered=5), FakeJetStream()
    assert await settled(message, failing(away, away, away), js) == "done"
    assert message.answers == ["ack"]
    assert js.published == []


async def test_what_cannot_be_set_aside_goes_back_to_the_broker_and_holds_up_nobody() -> None:
    message, js = FakeMsg(), FakeJetStream(*[APIError(code=404, err_code=10059, description="stream not found")] * 9)
    assert await settled(message, failing(Rejected(Reason.SCHEMA, "x")), js) == "later"
    assert message.answers == [("nak", 60.0)]
    assert js.published == []


async def test_headers_that_cannot_be_published_are_kept_encoded_and_nothing_is_held() -> None:
    message, js = FakeMsg(b"not json", {"x/y": "v", "ce-type": "a\r\nb"}), FakeJetStream()
    assert await settled(message, failing(Rejected(Reason.NOT_JSON, "x")), js) == "not_json"
    assert message.answers == ["term"]
    [letter] = js.published
    assert not {"x/y", "ce-type"} & letter.headers.keys()
    assert json.loads(base64.b64decode(letter.headers[FOREIGN])) == {"x/y": "v", "ce-type": "a\r\nb"}


async def test_a_letter_that_the_broker_does_not_take_whole_is_cut_and_says_so() -> None:
    data = b"x" * 5000
    message, js = FakeMsg(data), FakeJetStream(MaxPayloadError())
    assert await settled(message, failing(Rejected(Reason.TOO_LARGE, "x")), js) == "too_large"
    [letter] = js.published
    assert letter.data == data[:1024]
    assert letter.headers[CUT] == "5000"
    assert letter.headers[SHA256] == hashlib.sha256(data).hexdigest()


async def test_a_message_that_nothing_answers_while_others_are_done_spends_attempts() -> None:
    """A permission that the broker denies looks like silence: without this the message were held for ever."""
    silence = Unavailable("NATS stream RAW", "news.v1.raw.x", "TimeoutError", unanswered=True)
    context = a_context(FakeJetStream(), Attempts(first_delay=0.0))
    tried = 0

    async def work() -> None:
        nonlocal tried
        tried += 1
        context.progress.done_at = time.monotonic() + 1  # another message of this service is done
        raise silence

    first, last = FakeMsg(), FakeMsg(delivered=5)
    assert await settle(first, work, context) == "later"
    assert tried == context.attempts.unanswered
    assert await settle(last, work, context) == Reason.RETRIES_EXHAUSTED


async def test_silence_that_meets_every_message_is_an_outage() -> None:
    silence = Unavailable("NATS stream RAW", "news.v1.raw.x", "TimeoutError", unanswered=True)
    message = FakeMsg(delivered=5)
    assert await settled(message, failing(*[silence] * 50), FakeJetStream()) == "done"


async def test_a_letter_set_aside_twice_keeps_its_message_id() -> None:
    first, second = FakeJetStream(), FakeJetStream()
    for js in (first, second):
        await settled(FakeMsg(), failing(Rejected(Reason.SCHEMA, "x")), js)
    assert first.published[0].headers["Nats-Msg-Id"] == second.published[0].headers["Nats-Msg-Id"]


async def test_while_nearly_all_fail_nothing_is_set_aside_and_the_others_are_held() -> None:
    js, breaker, held = FakeJetStream(), Breaker(Limits(window=1, failing=1, first_pause=0.01)), FakeMsg()
    context = a_context(js, SOON, breaker=breaker)
    last = FakeMsg(delivered=5)
    assert await settle(last, failing(KeyError("x")), context) == "later"
    assert [name for name, _ in last.answers] == ["nak"]
    assert js.published == []
    waiting = asyncio.create_task(settle(held, failing(), context))
    await asyncio.sleep(0)
    assert held.answers == []
    assert breaker.reason
    assert await waiting == "done"
    assert held.answers == ["ack"]
    assert breaker.reason is None


async def test_a_rejected_message_does_not_open_the_breaker() -> None:
    js, breaker = FakeJetStream(), Breaker(Limits(window=1, failing=1))
    context = a_context(js, SOON, breaker=breaker)
    assert await settle(FakeMsg(), failing(Rejected(Reason.SCHEMA, "x")), context) == "schema"
    assert breaker.reason is None


@pytest.mark.parametrize(
    "error", [TimeoutError(), NoRespondersError(), APIError(code=503, err_code=10077, description="maximum bytes")]
)
async def test_a_broker_that_is_away_or_full_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable, match=r"NATS stream RAW at .* is not reachable"):
        await publish(FakeJetStream(error), "news.v1.raw.x", b"", stream="RAW", headers={})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [MaxPayloadError(), APIError(code=400, err_code=10054, description="message size exceeds maximum")]
)
async def test_a_message_too_large_for_the_broker_is_rejected(error: Exception) -> None:
    with pytest.raises(Rejected) as refused:
        await publish(FakeJetStream(error), "news.v1.raw.x", b"12", stream="RAW", headers={})  # type: ignore[arg-type]
    assert refused.value.reason is Reason.TOO_LARGE


def test_delays_double_are_capped_and_spread() -> None:
    attempts = Attempts()
    assert all(48 <= attempts.delay(50) <= 72 for _ in range(100))
    assert len({attempts.delay(3) for _ in range(10)}) > 1
