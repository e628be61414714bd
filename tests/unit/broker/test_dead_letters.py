"""Dead letters beyond a quota: one for many, with their places, so that no source can fill DEAD."""

import asyncio
import json

from hypothesis import example, given
from hypothesis import strategies as st

from shared.broker.dead_letters import CUT, PLACES, DeadLetters, as_ranges, from_ranges, place_of, source_of
from shared.errors import Reason, Rejected
from shared.runtime.quotas import HOUR, Allowance, Quota
from wireroom.testing.fake_broker import FakeJetStream, FakeMsg, metadata

BAD = b'{"source": "harbour-gazette"}'


def a_submission(sequence: int, data: bytes = BAD) -> FakeMsg:
    message = FakeMsg(data, place=metadata(sequence, stream="INBOX"))
    message.subject = "news.v1.submitted"
    return message


async def put(js: FakeJetStream, quota: Quota, *messages: FakeMsg, reason: Reason = Reason.SCHEMA) -> None:
    async with DeadLetters("ingest", js, quota).running() as dead_letters:  # type: ignore[arg-type] # fakes
        await asyncio.gather(*(dead_letters.put(message, Rejected(reason, "why")) for message in messages))


async def test_beyond_the_quota_one_letter_stands_for_many_and_names_their_places() -> None:
    js, quota = FakeJetStream(), Quota(Allowance(3 * (len(BAD) + 1024), HOUR, "bytes"))
    await put(js, quota, *(a_submission(number) for number in range(1, 301)))
    whole = [letter for letter in js.published if PLACES not in letter.headers]
    sums = [letter for letter in js.published if PLACES in letter.headers]
    assert [letter.data for letter in whole] == [BAD] * 3
    assert len(sums) <= 2
    places = set().union(*(from_ranges(letter.headers[PLACES]) for letter in sums))
    assert places == set(range(4, 301))
    assert sum(json.loads(letter.data)["messages"] for letter in sums) == 297
    assert sum(int(letter.headers[CUT]) for letter in sums) == 297 * len(BAD)
    assert {letter.subject for letter in js.published} == {"news.dead.ingest.schema"}


async def test_another_source_still_has_its_letters_whole() -> None:
    js, quota = FakeJetStream(), Quota(Allowance(len(BAD) + 1500, HOUR, "bytes"))
    other = BAD.replace(b"harbour", b"valdoria")
    await put(js, quota, a_submission(1), a_submission(2), a_submission(3, other))
    assert sorted(letter.data for letter in js.published if PLACES not in letter.headers) == sorted([BAD, other])


async def test_what_is_refused_for_its_quota_leaves_no_bytes_even_if_there_is_room() -> None:
    js, quota = FakeJetStream(), Quota(Allowance(10**9, HOUR, "bytes"))
    await put(js, quota, a_submission(7), a_submission(9), reason=Reason.OVER_QUOTA)
    assert {letter.headers[PLACES] for letter in js.published} <= {"7,9", "7", "9"}
    assert all(letter.subject == "news.dead.ingest.over_quota" for letter in js.published)


def test_the_source_is_what_the_body_says_at_the_door_and_the_subject_behind_it() -> None:
    assert source_of(a_submission(1)) == "harbour-gazette"
    assert source_of(a_submission(1, b"no json")) == "-"
    assert source_of(FakeMsg(b'{"source": "other"}')) == "harbour-gazette"


def test_a_place_behind_the_door_is_the_version_that_the_event_id_ends_with() -> None:
    assert place_of(a_submission(12)) == 12
    assert place_of(FakeMsg(headers={"ce-id": f"raw:{'a' * 32}:34"})) == 34
    assert place_of(FakeMsg(headers={"ce-id": f"raw:{'a' * 32}:{'9' * 400}"})) is None
    assert place_of(FakeMsg(headers={"ce-id": "raw:x:\N{SUPERSCRIPT TWO}"})) is None
    assert place_of(FakeMsg()) is None


@given(st.sets(st.integers(1, 2**62), max_size=200))
def test_ranges_come_back_as_they_were(numbers: set[int]) -> None:
    assert from_ranges(as_ranges(numbers)) == numbers


@example("9" * 5000)
@example("1-" + "9" * 5000)
@given(st.text(alphabet="0123456789-,x\u00b2", max_size=60))
def test_ranges_that_others_wrote_cost_little_and_raise_nothing(text: str) -> None:
    assert len(from_ranges(text)) <= 512 * 61
