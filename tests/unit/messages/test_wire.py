"""What goes between the service and its workers arrives as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extract import transport
from services.extract.pool import frames
from shared.errors import Reason, Rejected
from shared.topology import MAX_MESSAGE_BYTES
from wireroom.testing.factories import a_raw_article, an_extracted_article


@given(st.lists(st.binary()))
def test_a_frame_holds_its_parts(parts: list[bytes]) -> None:
    frame = frames.packed(parts)
    body = frame[frames.HEADER :]
    assert frames.body_size(frame[: frames.HEADER]) == len(body)
    assert frames.unpacked(body) == parts


def test_a_frame_that_claims_to_be_endless_is_not_waited_for() -> None:
    with pytest.raises(frames.TooLong):
        frames.body_size(b"\xff\xff\xff\xff")


def test_articles_arrive_as_they_were() -> None:
    raw, extracted = a_raw_article(title="Öl\u2028im Hafen"), an_extracted_article()
    assert transport.requested(transport.request(raw, {"a1": 0.75})) == (raw, {"a1": 0.75})
    [reply] = transport.replies([extracted])
    assert transport.replied(reply) == extracted


def test_a_verdict_is_raised_where_the_article_is_answered() -> None:
    [reply] = transport.replies([Rejected(Reason.NO_ARTICLE_TEXT, "a page of 3 characters shows no text")])
    with pytest.raises(Rejected, match="a page of 3 characters shows no text") as verdict:
        transport.replied(reply)
    assert verdict.value.reason is Reason.NO_ARTICLE_TEXT


def test_what_no_stream_takes_does_not_travel() -> None:
    [reply] = transport.replies([an_extracted_article(paragraphs=("a" * MAX_MESSAGE_BYTES,))])
    assert len(reply) < 1000
    with pytest.raises(Rejected) as verdict:
        transport.replied(reply)
    assert verdict.value.reason is Reason.TOO_LARGE


def test_what_is_no_verdict_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        transport.replies([ZeroDivisionError()])
