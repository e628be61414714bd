"""What `wireroom publish` makes of a broker that takes less than ours does."""

import pytest
from nats.errors import MaxPayloadError
from nats.js.errors import APIError

from shared.errors import Reason, Rejected
from wireroom.commands.publish import Answer, published
from wireroom.intake import Submission


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
