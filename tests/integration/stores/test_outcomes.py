"""What became of submissions is told by the stored events and the dead letters, wherever they were set aside."""

from nats.aio.client import Client

from services.store.app import stored
from wireroom.ops.outcomes import DEAD_LETTERED, SubmissionOutcome, follow
from wireroom.testing.factories import a_raw_article, an_extracted_article


async def set_aside(broker: Client, *, stream: str, sequence: int, data: bytes) -> None:
    headers = {
        "wireroom-stream": stream,
        "wireroom-sequence": str(sequence),
        "wireroom-reason": "too_short",
        "wireroom-detail": "5 characters",
    }
    await broker.jetstream().publish("news.dead.any.too_short", data, headers=headers)


async def test_every_submission_has_the_fate_that_was_announced(broker: Client) -> None:
    event = stored(an_extracted_article(version=1), "updated")
    await broker.jetstream().publish(event.subject, event.model_dump_json().encode())
    await set_aside(broker, stream="INBOX", sequence=2, data=b"no JSON at all")
    for foreign in (b"no JSON", b"[]", b"{}"):  # a letter that tells no place is nobody's fate
        await set_aside(broker, stream="OTHER", sequence=9, data=foreign)
    later = a_raw_article(version=3).model_dump_json().encode()
    await set_aside(broker, stream="RAW", sequence=1, data=later)  # its place in RAW says nothing of the submission
    counts: list[int] = []
    fates = await follow(broker.jetstream(), [1, 2, 3], patience=30, progress=counts.append)
    reason = "too_short: 5 characters"
    assert fates == {
        1: SubmissionOutcome("updated", event.id, "en"),
        2: SubmissionOutcome(DEAD_LETTERED, reason=reason),
        3: SubmissionOutcome(DEAD_LETTERED, reason=reason),
    }
    assert counts == [1, 2, 3]


async def test_a_submission_without_a_word_about_it_has_no_fate(broker: Client) -> None:
    await set_aside(broker, stream="INBOX", sequence=7, data=b"another submission")
    assert await follow(broker.jetstream(), [1], patience=0.5, progress=lambda _: None) == {}
