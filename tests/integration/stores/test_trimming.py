"""What is old leaves a stream once every service has read it, and not before: no outage lets unread work expire."""

from datetime import UTC, datetime, timedelta

from nats.aio.client import Client
from nats.js import JetStreamContext

from shared.broker import accounting, provisioning
from shared.broker.envelope import headers
from shared.limits import DEFAULTS
from shared.runtime import retention
from shared.topology import EXTRACT, KEEP, STORE, Consumer
from wireroom.ops.audit import balance, gather
from wireroom.testing.factories import a_raw_article, an_extracted_article

LATER = datetime.now(UTC) + timedelta(days=8)  # beyond what the streams keep


async def flow(js: JetStreamContext, places: range) -> None:
    """Put raw articles and what was extracted of them where ingest and extract do."""
    for place in places:
        for message, stream in ((a_raw_article(version=place), "RAW"), (an_extracted_article(version=place), "NEWS")):
            made = headers(message, service="test", now=datetime.now(UTC))
            await js.publish(message.subject, message.model_dump_json().encode(), stream=stream, headers=made)


async def answer(js: JetStreamContext, consumer: Consumer, count: int) -> None:
    reader = await js.pull_subscribe_bind(consumer.durable, consumer.stream)
    for message in await reader.fetch(count, timeout=5):
        await message.ack_sync()
    await reader.unsubscribe()


async def left(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


async def test_what_no_service_has_read_is_kept_however_old_it_is(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    await flow(js, range(1, 6))
    assert [await retention.trim(js, stream, LATER) for stream in ("INBOX", "RAW", "NEWS")] == [0, 0, 0]
    await answer(js, EXTRACT, 3)
    assert await retention.trim(js, "RAW", LATER) == 3
    assert (await js.stream_info("RAW")).state.first_seq == 4
    assert await accounting.trimmed(js) == 3
    assert (await js.consumer_info("RAW", "extract")).num_pending == 2


async def test_what_was_read_stays_for_as_long_as_the_stream_keeps_it(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    await flow(js, range(1, 4))
    await answer(js, EXTRACT, 3)
    assert await retention.trim(js, "RAW", datetime.now(UTC) + timedelta(days=6)) == 0
    assert await retention.trim(js, "RAW", LATER) == 3


async def test_announcements_stay_while_a_raw_article_they_tell_of_does(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    await flow(js, range(1, 4))
    await answer(js, STORE, 3)
    assert await retention.trim(js, "NEWS", LATER) == 0
    await answer(js, EXTRACT, 3)
    assert [await retention.trim(js, stream, LATER) for stream in ("RAW", "NEWS")] == [3, 3]


async def test_a_consumer_that_was_deleted_holds_everything(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    await flow(js, range(1, 4))
    await answer(js, EXTRACT, 3)
    await js.delete_consumer("RAW", "extract")
    assert await retention.trim(js, "RAW", LATER) == 0


async def test_a_smaller_age_deletes_nothing_that_is_unread_and_streams_of_older_releases_are_taken_over(
    broker: Client,
) -> None:
    js = broker.jetstream(timeout=10)
    await flow(js, range(1, 4))
    await answer(js, EXTRACT, 1)
    config = (await js.stream_info("RAW")).config
    config.max_age, config.metadata = 604800, {key: "1" for key in config.metadata or {} if key != KEEP}
    await js.update_stream(config)
    await js.delete_key_value("accounting")
    assert [str(change) for change in await provisioning.apply(js)] == [
        "stream RAW: max_age 7d -> none, keep none -> 7d",
        "bucket accounting: create",
    ]
    assert await provisioning.plan(js) == []
    assert await retention.trim(js, "RAW", LATER) == 1
    assert await left(js, "RAW") == 2


async def test_an_audit_is_not_fine_when_raw_articles_went_before_they_were_extracted(broker: Client) -> None:
    """Whoever deleted them: an age that was set by hand, a purge."""
    js = broker.jetstream(timeout=10)
    for _ in range(5):
        await js.publish("news.v1.submitted", b"{}", stream="INBOX")
    await js.purge_stream("INBOX")
    await flow(js, range(1, 6))
    await answer(js, EXTRACT, 2)
    await retention.trim(js, "RAW", LATER)
    await js.purge_stream("NEWS")
    assert balance(await gather(js)).missing == ()
    await js.purge_stream("RAW", seq=5)
    assert balance(await gather(js)).missing == (3, 4)


async def test_an_age_that_would_delete_letters_at_once_waits_for_a_word(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    await js.publish("news.dead.ingest.schema", b"{")
    limits = DEFAULTS.model_copy(update={"dead_age": 1e-6})
    [change] = await provisioning.apply(js, limits)
    assert change.deletes
    assert "deletes at once what is older, which goes back to 20" in str(change)
    assert (await js.stream_info("DEAD")).config.max_age == DEFAULTS.dead_age
