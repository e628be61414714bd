"""Dead letters on a real broker: read without their bytes, replayed once, also those that nobody of ours wrote."""

from datetime import UTC, datetime

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared.errors import Reason
from wireroom import letters

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
    [listed] = [letter async for letter in letters.read(js)]
    found = await letters.get(js, number)
    assert found
    fetched, data = found
    assert (listed.sequence, listed.size, listed.fact("reason")) == (number, len(BODY), "schema")
    assert (fetched.size, fetched.fact("detail")) == (len(BODY), "title: too long")
    assert data == BODY


async def test_letters_are_chosen_by_service_and_reason_the_oldest_first(broker: Client) -> None:
    js = broker.jetstream()
    first, second = await set_aside(js), await set_aside(js, reason=Reason.TOO_LARGE, service="extract")
    assert [letter.sequence async for letter in letters.read(js)] == [first, second]
    assert [letter.sequence async for letter in letters.read(js, reason="too_large")] == [second]
    assert [letter.sequence async for letter in letters.read(js, service="ingest", reason="too_large")] == []


async def test_a_letter_is_replayed_once_however_it_was_found(broker: Client) -> None:
    js = broker.jetstream()
    number = await set_aside(js)
    [listed] = [letter async for letter in letters.read(js)]
    found = await letters.get(js, number)
    assert found
    assert await letters.replay(js, *found), "the broker took it"
    assert not await letters.replay(js, listed, BODY), "it was there already"
    again = await js.get_msg("INBOX", (await js.stream_info("INBOX")).state.first_seq)
    assert (await js.stream_info("INBOX")).state.messages == 1
    assert again.data == BODY
    assert again.headers
    assert again.headers["ce-id"] == "kept"
    assert again.headers[letters.REPLAYED] == str(number)


async def test_a_letter_that_does_not_say_where_it_came_from_is_read_and_stays(broker: Client) -> None:
    js = broker.jetstream()
    number = (await js.publish("news.dead.stranger.because", b"hello", stream="DEAD")).seq
    found = await letters.get(js, number)
    assert found
    assert found[0].fact("reason") == ""
    with pytest.raises(letters.NotReplayable, match=str(number)):
        await letters.replay(js, *found)
    assert (await js.stream_info("DEAD")).state.messages == 1


async def test_dropping_what_was_counted_leaves_other_letters_and_those_that_came_later(broker: Client) -> None:
    js = broker.jetstream()
    other = await set_aside(js, reason=Reason.TOO_LARGE)
    await set_aside(js)
    counted = await letters.heap(js, reason="schema")
    later = await set_aside(js)
    await letters.drop_all(js, counted)
    assert counted.count == 1
    assert [letter.sequence async for letter in letters.read(js)] == [other, later]


async def test_dropping_a_letter_that_is_gone_changes_nothing(broker: Client) -> None:
    js = broker.jetstream()
    first, second = await set_aside(js), await set_aside(js)
    for _ in range(2):
        await letters.drop(js, first)
    assert [letter.sequence async for letter in letters.read(js)] == [second]
