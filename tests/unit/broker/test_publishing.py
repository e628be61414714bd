"""What a failed publication means, and that a duplicate is checked before it is believed."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from nats import errors
from nats.js.api import PubAck
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from shared.broker.dead_letters import DeadLetters
from shared.broker.publish import classified, publish
from shared.errors import Reason, Rejected, Unavailable
from shared.messages import ArticleIngested
from shared.runtime.middleware import says_the_same
from shared.topology import MAX_PAYLOAD
from wireroom.testing.factories import a_raw_article, an_extracted_article
from wireroom.testing.fake_broker import FakeJetStream, FakeMsg

TRANSIENT = (
    errors.FlushTimeoutError(),
    errors.NoRespondersError(),
    errors.ConnectionClosedError(),
    errors.ConnectionReconnectingError(),
    errors.OutboundBufferLimitError(),
    errors.StaleConnectionError(),
    NoStreamResponseError(),
    TimeoutError(),
    ConnectionResetError(),
    APIError(code=503, err_code=10077, description="maximum bytes exceeded"),
    APIError(code=503, err_code=10023, description="insufficient resources"),
    APIError(code=409, err_code=10158, description="duplicate message id is in process"),
    APIError(code=500, err_code=10049, description="no space left on device"),
)
PERMANENT = (
    errors.BadHeaderError("x/y"),
    errors.BadSubjectError(),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ValueError("embedded null byte"),
    APIError(code=400, err_code=10165, description="invalid per-message TTL"),
    APIError(code=403, err_code=1, description="not for you"),
)
UNKNOWN = (
    APIError(code=404, err_code=10059, description="stream not found"),
    APIError(code=400, err_code=10060, description="expected stream does not match"),
    APIError(code=429, err_code=10167, description="too many requests"),
    errors.ProtocolError(),
)


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_what_passes_by_itself_is_unavailable(error: Exception) -> None:
    assert isinstance(classified(error, "RAW", "news.v1.raw.x", 2), Unavailable)


@pytest.mark.parametrize("error", PERMANENT, ids=repr)
def test_what_no_repetition_changes_is_rejected(error: Exception) -> None:
    meaning = classified(error, "RAW", "news.v1.raw.x", 2)
    assert isinstance(meaning, Rejected)
    assert meaning.reason is Reason.NOT_PUBLISHABLE


@pytest.mark.parametrize("error", UNKNOWN, ids=repr)
async def test_what_is_unknown_is_raised_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        await publish(FakeJetStream(error), "news.v1.raw.x", b"{}", stream="RAW", headers={})  # type: ignore[arg-type]
    assert raised.value is error


@pytest.mark.parametrize("error", [errors.FlushTimeoutError(), TimeoutError()])
def test_only_silence_may_be_meant_for_one_message(error: Exception) -> None:
    silent = classified(error, "RAW", "news.v1.raw.x", 2)
    full = classified(APIError(code=503, err_code=10077, description="full"), "RAW", "news.v1.raw.x", 2)
    assert isinstance(silent, Unavailable)
    assert isinstance(full, Unavailable)
    assert (silent.unanswered, full.unanswered) == (True, False)


async def test_a_message_too_large_with_its_headers_never_reaches_the_broker() -> None:
    js = FakeJetStream()
    with pytest.raises(Rejected) as refused:
        await publish(js, "news.v1.raw.x", bytes(MAX_PAYLOAD - 10), stream="RAW", headers={"a": "b" * 100})  # type: ignore[arg-type]
    assert refused.value.reason is Reason.TOO_LARGE
    assert js.published == []


@dataclass
class Deduplicating:
    """A stream that takes each message id once."""

    taken: dict[str, int] = field(default_factory=dict)
    messages: dict[int, tuple[str, bytes]] = field(default_factory=dict)

    async def publish(
        self, subject: str, payload: bytes, *, stream: str, headers: dict[str, str], **_: object
    ) -> PubAck:
        message_id = headers.get("Nats-Msg-Id")
        if message_id in self.taken:
            return PubAck(stream=stream, seq=self.taken[message_id], duplicate=True)
        sequence = len(self.messages) + 1
        self.messages[sequence] = (subject, payload)
        if message_id:
            self.taken[message_id] = sequence
        return PubAck(stream=stream, seq=sequence)

    async def get_msg(self, _stream: str, seq: int) -> SimpleNamespace:
        if seq not in self.messages:
            raise NotFoundError
        subject, data = self.messages[seq]
        return SimpleNamespace(subject=subject, data=data)


SUBJECT = "news.v1.raw.gazette"


async def test_a_message_set_aside_again_for_another_reason_is_one_letter() -> None:
    js = Deduplicating()
    async with DeadLetters("extract", js).running() as dead_letters:  # type: ignore[arg-type] # a fake
        for reason in (Reason.CRASH_LOOP, Reason.TIME_LIMIT):
            await dead_letters.put(FakeMsg(b"poison"), Rejected(reason, "why"))
    assert list(js.messages.values()) == [("news.dead.extract.crash_loop", b"poison")]


async def sent(js: Deduplicating, data: bytes, message_id: str | None = "raw:1:1") -> None:
    headers = {"Nats-Msg-Id": message_id} if message_id else {}
    await publish(js, SUBJECT, data, stream="RAW", headers=headers)  # type: ignore[arg-type]


async def test_our_own_repetition_is_stored_once() -> None:
    js = Deduplicating()
    for _ in range(3):
        await sent(js, b"ours")
    assert list(js.messages.values()) == [(SUBJECT, b"ours")]


async def test_an_id_that_somebody_else_took_makes_nothing_vanish() -> None:
    js = Deduplicating({"raw:1:1": 1}, {1: (SUBJECT, b"theirs")})
    for _ in range(3):
        await sent(js, b"ours")
    assert list(js.messages.values()) == [(SUBJECT, b"theirs"), (SUBJECT, b"ours")]


async def test_the_same_bytes_on_another_subject_are_another_message() -> None:
    js = Deduplicating({"raw:1:1": 1}, {1: ("news.v1.raw.other", b"ours")})
    await sent(js, b"ours")
    assert js.messages[2] == (SUBJECT, b"ours")


async def test_one_that_was_deleted_since_is_published_again() -> None:
    js = Deduplicating({"raw:1:1": 99})
    await sent(js, b"ours")
    assert list(js.messages.values()) == [(SUBJECT, b"ours")]


async def test_if_every_id_is_taken_it_is_published_without_one() -> None:
    js = Deduplicating(_Every(1), {1: (SUBJECT, b"theirs")})
    await sent(js, b"ours")
    assert js.messages[2] == (SUBJECT, b"ours")


class _Every(dict[str, int]):
    """Stands for somebody who took every id there is."""

    def __init__(self, sequence: int) -> None:
        self._sequence = sequence

    def __contains__(self, name: object) -> bool:
        return name is not None

    def __getitem__(self, _name: str) -> int:
        return self._sequence


def test_an_extracted_article_made_anew_after_a_crash_is_known_by_version_and_text() -> None:
    article = an_extracted_article(guid="a")
    again = article.model_copy(update={"removed": (), "language_confidence": 0.5})
    other = article.model_copy(update={"paragraphs": ("Something else.",)})
    assert says_the_same(article, article.subject, again.model_dump_json().encode())
    assert not says_the_same(article, article.subject, other.model_dump_json().encode())
    assert not says_the_same(article, article.subject, b"{}")


def test_a_raw_article_is_known_by_its_bytes_alone() -> None:
    article = a_raw_article()
    assert isinstance(article, ArticleIngested)
    assert not says_the_same(article, article.subject, article.model_dump_json().encode())
