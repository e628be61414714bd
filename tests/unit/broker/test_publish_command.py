"""What `wireroom publish` makes of a broker that takes less than ours does."""

import asyncio
import threading
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from nats.errors import MaxPayloadError
from nats.js.api import PubAck
from nats.js.errors import APIError

from shared.broker.envelope import accepted
from shared.errors import Reason, Rejected
from wireroom.publisher.import_control import ImportControl, Order
from wireroom.publisher.read_ahead import ReadAhead
from wireroom.publisher.sender import Answer, Sender, headers, published
from wireroom.publisher.submissions import Submission, Unreadable


async def test_no_more_is_read_than_fits_into_memory_until_it_is_answered() -> None:
    for size, most in ((100, 512), (1_000_000, 16), (20_000_000, 1)):
        read, waits = list[int](), threading.Event()

        def submissions(size: int = size, read: list[int] = read) -> Iterator[Submission]:
            for number in range(2000):
                read.append(number)
                yield Submission(str(number), b"x" * size)

        ahead = ReadAhead(submissions())
        taken = [await ahead.next() for _ in range(most)]
        waits.wait(0.2)
        assert len(read) == most + 1, "one is read and waits for room"
        for submission in taken:
            assert submission
            ahead.done(submission)
        assert (await ahead.next()) == Submission(str(most), b"x" * size)


async def test_an_input_that_breaks_off_is_told_after_what_came_before() -> None:
    def submissions() -> Iterator[Submission]:
        yield Submission("a", b"x")
        raise Unreadable("b: Input/output error")

    told = list[str]()
    with pytest.raises(Unreadable, match="b: Input/output error"):
        await published(Broker(MaxPayloadError()), submissions(), lambda sent, _: told.append(sent.origin))  # type: ignore[arg-type]
    assert told == ["a"]


def test_the_headers_tell_the_origin_and_pass_the_gate() -> None:
    for origin in ("größe 1.jsonl:17", "-:1", "x" * 5000 + ":9", "caf\udce9.txt", 'a"%\n.txt'):
        made = headers(Submission(origin, b"x"), "20260301-093000-0011aabb")
        assert accepted(made)["ce-origin"] == made["ce-origin"]
        assert accepted(made)["ce-batch"] == "20260301-093000-0011aabb"
        assert unquote(made["ce-origin"], errors="surrogateescape") == origin[-1000:]
    one, again, other = (
        headers(Submission(origin, b"x"), run)["Nats-Msg-Id"]
        for origin, run in (("a:1", "r"), ("a:1", "r"), ("a:1", "s"))
    )
    assert one == again != other


class Broker:
    """Fails at what is longer than ten bytes, and gives the others places in their order."""

    def __init__(self, error: Exception) -> None:
        self.error, self.calls, self.seq = error, 0, 0

    async def publish(self, _subject: str, data: bytes, **_: object) -> "Broker":
        self.calls += 1
        if len(data) > 10:
            raise self.error
        self.seq += 1
        return self


LIMITS = {
    "the broker": MaxPayloadError(),
    "stream INBOX": APIError(code=400, err_code=10054, description="message size exceeds maximum allowed"),
}


@pytest.mark.parametrize("whose", LIMITS)
async def test_what_a_lower_limit_of_the_broker_stops_is_refused_once_and_the_next_is_sent(whose: str) -> None:
    broker, told = Broker(LIMITS[whose]), dict[str, Answer]()
    submissions = [Submission("long", b"x" * 11), Submission("short", b"x")]
    places = await published(broker, submissions, lambda sent, answer: told.update({sent.origin: answer}))  # type: ignore[arg-type]
    assert (places, told["short"], broker.calls) == ([1], 1, 2)
    refusal = told["long"]
    assert isinstance(refusal, Rejected)
    assert refusal.reason is Reason.TOO_LARGE
    assert refusal.detail == f"11 bytes are more than {whose} takes; its limit is lower than the usual 4,128,768"


async def test_an_answer_that_no_repetition_changes_is_told_once_with_its_reason() -> None:
    broker, told = Broker(APIError(code=400, err_code=10055, description="no such thing")), list[Answer]()
    assert await published(broker, [Submission("a", b"x" * 11)], lambda _, answer: told.append(answer)) == []  # type: ignore[arg-type]
    [refusal] = told
    assert isinstance(refusal, Rejected)
    assert (refusal.reason, broker.calls) == (Reason.NOT_PUBLISHABLE, 1)
    assert "no such thing" in refusal.detail


async def test_what_is_refused_already_is_not_sent() -> None:
    broker, told = Broker(MaxPayloadError()), list[Answer]()
    empty = Rejected(Reason.EMPTY_BODY, "field body is empty")
    assert await published(broker, [Submission("a", b"", empty)], lambda _, answer: told.append(answer)) == []  # type: ignore[arg-type]
    assert (told, broker.calls) == ([empty], 0)


class Acknowledging:
    """A broker that takes everything."""

    def __init__(self) -> None:
        self.taken = 0

    async def publish(self, *_: object, **__: object) -> PubAck:
        self.taken += 1
        return PubAck(stream="INBOX", seq=self.taken)


@pytest.mark.parametrize(("order", "sent"), [(Order.RESUME, 3), (Order.CANCEL, 0)])
async def test_a_paused_import_sends_nothing_until_it_is_resumed_or_cancelled(order: Order, sent: int) -> None:
    broker, asked = Acknowledging(), asyncio.Event()
    sender = Sender(broker, "run", lambda *_: None)  # type: ignore[arg-type]
    control = ImportControl(sender.cancel, lambda: sender.acknowledged, lambda _: None)

    async def permit() -> None:
        asked.set()
        await control.permit()

    sender.permit = permit
    control.obey(Order.PAUSE)
    sending = asyncio.create_task(sender.send(Submission(str(number), b"{}") for number in range(3)))
    await asked.wait()
    assert broker.taken == 0
    assert control.obey(order)["state"] == ("running" if sent else "cancelled")
    await asyncio.wait_for(sending, 30)
    assert broker.taken == sent
