"""Dead letters on a real broker: read without their bytes, replayed once, also those that nobody of ours wrote."""

import asyncio
import hashlib
import os
import pty
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.ingest.app import app as ingest
from shared.broker.dead_letter_status import DeadLetterState, DeadLetterStatuses
from shared.broker.envelope import REPLAYED_FROM
from shared.errors import Reason, Rejected
from shared.settings import Settings
from tests.running import idle, running
from wireroom.ops import dead_letter_queue
from wireroom.ops.dead_letter_queue import Choice, DeadLetter, NotReplayable, as_line, from_line, replay, replay_line

BODY = b'{"source": "tide-times"}'


async def set_aside(js: JetStreamContext, *, reason: Reason = Reason.SCHEMA, service: str = "ingest") -> int:
    facts = {
        "service": service,
        "reason": reason,
        "detail": "title: too long",
        "subject": "news.v1.submitted",
        "stream": "INBOX",
        "sequence": "7",
        "at": datetime.now(UTC).isoformat(),
    }
    headers = {f"wireroom-{name}": value for name, value in facts.items()} | {"ce-id": "kept"}
    return (await js.publish(f"news.dead.{service}.{reason}", BODY, stream="DEAD", headers=headers)).seq


async def test_a_letter_listed_and_fetched_is_the_same_letter(broker: Client) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    [listed] = [letter async for letter in dead_letter_queue.read(js)]
    found = await dead_letter_queue.get(js, number)
    assert found
    fetched, data = found
    assert (listed.sequence, listed.size, listed.fact("reason")) == (number, len(BODY), "schema")
    assert (fetched.size, fetched.fact("detail")) == (len(BODY), "title: too long")
    assert data == BODY


async def test_letters_are_chosen_by_service_and_reason_the_oldest_first(broker: Client) -> None:
    js = broker.jetstream()
    first, second = await set_aside(js), await set_aside(js, reason=Reason.TOO_LARGE, service="extract")
    assert [letter.sequence async for letter in dead_letter_queue.read(js)] == [first, second]
    assert [letter.sequence async for letter in dead_letter_queue.read(js, reason="too_large")] == [second]
    assert [letter.sequence async for letter in dead_letter_queue.read(js, service="ingest", reason="too_large")] == []


async def test_a_letter_is_replayed_once_however_it_was_found(broker: Client) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    [listed] = [letter async for letter in dead_letter_queue.read(js)]
    found = await dead_letter_queue.get(js, number)
    assert found
    assert await replay(js, *found), "the broker took it"
    assert not await replay(js, listed, BODY), "it was there already"
    again = await js.get_msg("INBOX", (await js.stream_info("INBOX")).state.first_seq)
    assert (await js.stream_info("INBOX")).state.messages == 1
    assert again.data == BODY
    assert again.headers
    assert again.headers["ce-id"] == "kept"
    assert again.headers[REPLAYED_FROM] == str(number)


async def test_a_letter_that_does_not_say_where_it_came_from_is_read_and_stays(broker: Client) -> None:
    js = broker.jetstream()
    number = (await js.publish("news.dead.stranger.because", b"hello", stream="DEAD")).seq
    found = await dead_letter_queue.get(js, number)
    assert found
    assert found[0].fact("reason") == ""
    with pytest.raises(NotReplayable, match=str(number)):
        await replay(js, *found)
    assert (await js.stream_info("DEAD")).state.messages == 1


async def some(js: JetStreamContext, **choice: Any) -> list[DeadLetter]:  # noqa: ANN401 - as a choice takes them
    return [letter async for letter, _ in dead_letter_queue.choose(js, Choice(**choice))]


async def states(js: JetStreamContext) -> dict[int, str]:
    return {
        letter.sequence: state.value
        async for letter, state in dead_letter_queue.choose(js, Choice(states=tuple(DeadLetterState)))
    }


@pytest.mark.parametrize("every", [None, Choice(reason="schema")], ids=["one by one", "at once"])
async def test_dropping_what_was_chosen_leaves_other_letters_and_those_that_came_later(
    broker: Client, every: Choice | None
) -> None:
    js = broker.jetstream()
    other = await set_aside(js, reason=Reason.TOO_LARGE)
    gone = [await set_aside(js) for _ in range(100)]
    chosen = await some(js, reason="schema")
    later = await set_aside(js)
    await dead_letter_queue.drop(js, chosen, every)
    assert [letter.sequence async for letter in dead_letter_queue.read(js)] == [other, later]
    assert await states(js) == {other: "open", later: "open"} | dict.fromkeys(gone, "dropped")


async def test_dropping_a_letter_that_is_gone_changes_nothing(broker: Client) -> None:
    js = broker.jetstream()
    first, second = await set_aside(js), await set_aside(js)
    [letter, _] = await some(js)
    for _ in range(2):
        await dead_letter_queue.drop(js, [letter])
    assert await states(js) == {first: "dropped", second: "open"}


async def replayed(js: JetStreamContext, number: int, data: bytes = BODY) -> bool:
    found = await dead_letter_queue.get(js, number)
    assert found
    return await replay(js, found[0], data, edited=data != found[1])


GOOD = b'{"source": "tide-times", "body": "High water at Tidewell is at noon."}'


async def test_what_became_of_a_replayed_letter_is_told_by_its_service(broker: Client, settings: Settings) -> None:
    js = broker.jetstream()
    mended, wrong, left = [await set_aside(js) for _ in range(3)]
    foreign = await set_aside(js, service="watch-names")
    assert await replayed(js, mended, GOOD)
    for number in (wrong, foreign):
        assert await replayed(js, number)
    assert await states(js) == dict.fromkeys((mended, wrong, foreign), "replayed") | {left: "open"}
    async with running(ingest, settings=settings):
        await idle(broker, "INBOX", "ingest")
    again = foreign + 1
    expected = {mended: "succeeded", wrong: "failed_again", left: "open", foreign: "replayed"}
    assert await states(js) == expected | {again: "open", again + 1: "open"}
    counted = await dead_letter_queue.summary(js)
    assert counted.of(DeadLetterState.OPEN) == {"ingest schema": 3}
    assert counted.of(DeadLetterState.SUCCEEDED) == {"ingest schema": 1}
    assert counted.replayed is not None


async def test_an_edited_letter_is_checked_before_it_is_sent(broker: Client) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    with pytest.raises(Rejected, match="body"):
        await replayed(js, number, b'{"source": "tide-times", "title": "x"}')
    assert await states(js) == {number: "open"}
    assert (await js.stream_info("INBOX")).state.messages == 0
    assert await replayed(js, number, GOOD)
    status, _ = await DeadLetterStatuses(js).get(number)
    assert status
    assert status.edited
    found = await dead_letter_queue.get(js, number)
    assert found
    assert found[1] == BODY, "the letter stays as it was"


async def test_a_replay_that_the_broker_has_already_leaves_the_mark_as_it_was(broker: Client) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    assert await replayed(js, number)
    status, revision = await DeadLetterStatuses(js).get(number)
    assert status
    assert await DeadLetterStatuses(js).put(
        number, status.model_copy(update={"state": DeadLetterState.SUCCEEDED}), revision
    )
    assert not await replayed(js, number)
    assert await states(js) == {number: "succeeded"}


async def test_a_replay_that_the_broker_refuses_leaves_the_letter_open(broker: Client) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    await js.delete_stream("INBOX")
    with pytest.raises(NatsError):
        await replayed(js, number)
    assert await states(js) == {number: "open"}


async def test_nobody_marks_a_letter_by_sending_its_header(broker: Client, settings: Settings) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    for given in (str(number), "-1", "\N{SUPERSCRIPT TWO}".encode().decode("latin-1"), "9" * 50):
        await js.publish("news.v1.submitted", GOOD, headers={REPLAYED_FROM: given})
    async with running(ingest, settings=settings):
        await idle(broker, "INBOX", "ingest")
    assert await states(js) == {number: "open"}


async def test_letters_go_through_a_file_and_back(broker: Client) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    found = await dead_letter_queue.get(js, number)
    assert found
    line = orjson.dumps(as_line(*found, DeadLetterState.OPEN))
    assert from_line(line) == found
    elsewhere = replace(found[0], headers=found[0].headers | {"wireroom-at": "another broker's"})
    assert await replay_line(js, elsewhere, BODY)
    assert await states(js) == {number: "open"}, "the number is one of another broker"
    assert await replay_line(js, *from_line(line))
    assert await states(js) == {number: "replayed"}
    await dead_letter_queue.drop(js, [found[0]])
    assert not await replay_line(js, *found), "the broker has it already"
    assert (await js.stream_info("INBOX")).state.messages == 2


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"number": 1}', b'{"number": 1, "at": "x", "headers": {}}'])
def test_a_line_that_is_no_letter_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_line(line)


@pytest.mark.parametrize("subject", ["$JS.API.STREAM.PURGE.RAW", "$KV.withdrawn.x", "news.dead.ingest.schema", "x"])
async def test_a_letter_goes_back_to_no_subject_but_those_of_news(subject: str, broker: Client) -> None:
    js = broker.jetstream()
    found = await dead_letter_queue.get(js, await set_aside(js))
    assert found
    forged = replace(found[0], headers=found[0].headers | {"wireroom-subject": subject})
    with pytest.raises(NotReplayable):
        await replay(js, forged, BODY)
    assert (await js.stream_info("INBOX")).state.messages == 0


async def test_a_letter_that_was_cut_goes_back_whole_while_its_stream_has_it(broker: Client) -> None:
    js = broker.jetstream()
    whole = b"x" * 5000
    place = await js.publish("news.v1.raw.tide-times", whole, stream="RAW")
    found = await dead_letter_queue.get(js, await set_aside(js, service="extract"))
    assert found
    facts = {"wireroom-subject": "news.v1.raw.tide-times", "wireroom-stream": "RAW", "wireroom-cut": "5000"}
    facts |= {"wireroom-sequence": str(place.seq), "wireroom-sha256": hashlib.sha256(whole).hexdigest()}
    cut = replace(found[0], headers=found[0].headers | facts)
    assert await replay(js, cut, whole[:1024])
    assert (await js.get_last_msg("RAW", "news.v1.raw.tide-times")).data == whole
    gone = replace(cut, headers=cut.headers | {"wireroom-sequence": "999"})
    with pytest.raises(NotReplayable, match="no longer has the original"):
        await replay(js, gone, whole[:1024])


async def test_a_letter_that_stands_for_many_has_no_bytes_to_send_back(broker: Client) -> None:
    js = broker.jetstream()
    found = await dead_letter_queue.get(js, await set_aside(js, reason=Reason.OVER_QUOTA))
    assert found
    with pytest.raises(NotReplayable, match="sums up several"):
        await replay(js, replace(found[0], headers=found[0].headers | {"wireroom-places": "3-9"}), BODY)


async def test_raw_bytes_go_to_a_terminal_only_when_asked_twice(broker: Client, settings: Settings) -> None:
    number = str(await set_aside(broker.jetstream()))
    shown, refused = await on_a_terminal(settings, "dead", "show", number, "--raw", "--force")
    assert shown == BODY
    assert refused == 0
    shown, refused = await on_a_terminal(settings, "dead", "show", number, "--raw")
    assert BODY not in shown
    assert refused


async def on_a_terminal(settings: Settings, *arguments: str) -> tuple[bytes, int]:
    """Return what a command writes to standard output where that is a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wireroom", *arguments),
        env=os.environ | {"WIREROOM_NATS_URL": settings.nats_url},
        stdout=theirs,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(theirs)
    code = await asyncio.wait_for(process.wait(), 60)
    shown = b""
    with suppress(OSError):  # how Linux tells the end of a terminal
        while data := os.read(ours, 65536):
            shown += data
    os.close(ours)
    return shown, code
