"""What goes between the service and its workers arrives as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extract import transport
from services.extract.boilerplate.sightings import sighting
from services.extract.pool import frames
from shared.broker.encoded import Undecoded
from shared.errors import Reason, Rejected
from shared.messages import ArticleIngested
from shared.topology import MAX_MESSAGE_BYTES
from tests.cleaning import RULES
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


def sent(article: ArticleIngested, **headers: str) -> Undecoded:
    return Undecoded(article.source, headers, article.model_dump_json().encode())


def an_extracted(**fields: object) -> transport.Extracted:
    article = an_extracted_article(**fields)
    return transport.Extracted(article, sighting(article, RULES.vocabulary))


def test_articles_arrive_as_they_were() -> None:
    raw, extracted = a_raw_article(title="Öl\u2028im Hafen"), an_extracted()
    request = transport.requested(transport.request(sent(raw), {"a1": 0.75}))
    assert (request.decoded(), request.source, request.learned) == (raw, raw.source, {"a1": 0.75})
    encoded, told = transport.replied(transport.reply(extracted))
    assert encoded.data == extracted.article.model_dump_json().encode()
    assert encoded.decoded() == extracted.article
    assert encoded.facts.subject == extracted.article.subject
    assert told.sighting == extracted.sighting
    assert (told.facts.id, told.facts.version) == (extracted.article.id, extracted.article.version)


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n{}", b"\xff\n", b"[" * 100_000])
def test_whatever_the_broker_has_reaches_the_decoder_unchanged(data: bytes) -> None:
    request = transport.requested(transport.request(Undecoded("a", {}, data), {}))
    assert request.data == data
    with pytest.raises(Rejected):
        request.decoded()


def test_an_article_of_another_major_version_is_refused() -> None:
    request = transport.requested(transport.request(sent(a_raw_article(), **{"ce-type": "news.v2.raw"}), {}))
    with pytest.raises(Rejected) as verdict:
        request.decoded()
    assert verdict.value.reason is Reason.SCHEMA_UNSUPPORTED


def test_of_a_reply_only_what_the_service_reads_is_parsed() -> None:
    paragraphs = tuple(f"{number} of the lines of this article, which goes on for long." * 40 for number in range(300))
    reply = transport.reply(an_extracted(paragraphs=paragraphs))
    assert transport.head_size(reply) < len(reply) / 4
    refusal = transport.reply(Rejected(Reason.NO_ARTICLE_TEXT, "nothing"))
    assert transport.head_size(refusal) == len(refusal)


def test_a_verdict_is_raised_where_the_article_is_answered() -> None:
    reply = transport.reply(Rejected(Reason.NO_ARTICLE_TEXT, "a page of 3 characters shows no text"))
    with pytest.raises(Rejected, match="a page of 3 characters shows no text") as verdict:
        transport.replied(reply)
    assert verdict.value.reason is Reason.NO_ARTICLE_TEXT


def test_the_times_of_the_steps_arrive_whatever_their_bytes_and_also_with_a_verdict() -> None:
    newlines = int.from_bytes(b"\n" * 8)  # a line feed in the times ends no head
    times = transport.StepTimes(1, 2, 3, 4, newlines, newlines, 16)
    reply = transport.reply(an_extracted(), times)
    assert transport.StepTimes.of(reply) == times
    assert transport.replied(reply) == transport.replied(transport.reply(an_extracted()))
    assert transport.head_size(reply) == transport.head_size(transport.reply(an_extracted()))
    refused = transport.reply(Rejected(Reason.NO_ARTICLE_TEXT, "nothing"), transport.StepTimes(newlines, newlines))
    assert transport.StepTimes.of(refused).spans() == [("clean", newlines, newlines, 1)]
    assert transport.head_size(refused) == len(refused)


def test_what_no_stream_takes_does_not_travel() -> None:
    reply = transport.reply(an_extracted(paragraphs=("a" * MAX_MESSAGE_BYTES,)))
    assert len(reply) < 1000
    with pytest.raises(Rejected) as verdict:
        transport.replied(reply)
    assert verdict.value.reason is Reason.TOO_LARGE


def test_what_is_no_verdict_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        transport.reply(ZeroDivisionError())
