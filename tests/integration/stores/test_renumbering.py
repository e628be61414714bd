"""A broker that lost its data, or was given older data: INBOX goes on above what is stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from pymongo.database import Database

from services.ingest import app as ingest
from services.setup import renumbering
from services.setup.preparation import Wish, setup
from services.setup.renumbering import HELD, RESERVE
from services.store import app as store
from shared.broker import accounting, provisioning
from shared.broker.withdrawals import Tombstone, Withdrawals
from shared.limits import Limits
from shared.messages import ArticleIngested, ArticleStored
from shared.settings import Settings
from tests.fakes.model import without_a_model
from tests.running import publish, read, running
from wireroom.testing.factories import a_submission

Articles = Database[dict[str, Any]]


def stored_before(database: Articles, version: int, received_at: datetime) -> None:
    """Leave in the database what a broker that is gone had given a number to."""
    database["articles"].insert_one({"_id": "a" * 32, "version": version, "received_at": received_at})


async def last(js: JetStreamContext) -> int:
    return (await js.stream_info("INBOX")).state.last_seq


async def ingested(broker: Client, count: int) -> dict[str | None, int]:
    messages = await read(broker, "RAW", "news.v1.raw.>", count)
    found = [ArticleIngested.model_validate_json(message.data) for message in messages]
    return {article.guid: article.version for article in found}


async def test_a_new_broker_goes_on_above_what_is_stored(
    empty_broker: Client, mongo_url: str, database: Articles
) -> None:
    stored_before(database, 150, datetime.now(UTC))
    url = empty_broker.connected_url.geturl() if empty_broker.connected_url else ""
    settings = Settings(nats_url=url, mongo_url=mongo_url, mongo_database=database.name)
    told = f"last number 0 -> {150 + RESERVE}, because 150 is stored"
    assert told in (await setup(settings, Limits(), Wish(dry_run=True)))[-1]
    assert told in (await setup(settings, Limits()))[-1]
    assert await setup(settings, Limits()) == []
    js = empty_broker.jetstream(timeout=10)
    assert await publish(empty_broker, a_submission()) == [150 + RESERVE + 1]
    [gap] = await accounting.gaps(js)
    assert (gap.known, gap.next) == (150, 150 + RESERVE + 1)


async def test_publishers_that_are_quicker_than_setup_do_not_hide_that_a_broker_lost_its_data(
    empty_broker: Client, mongo_url: str, database: Articles, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_before(database, 3, datetime.now(UTC) - timedelta(minutes=1))
    apply = provisioning.apply

    async def with_publishers(js: JetStreamContext, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as it is
        changes = await apply(js, *arguments, **options)
        assert await publish(empty_broker, *(a_submission(guid=f"new-{n}") for n in range(5))) == [1, 2, 3, 4, 5]
        return changes

    monkeypatch.setattr(provisioning, "apply", with_publishers)
    url = empty_broker.connected_url.geturl() if empty_broker.connected_url else ""
    await setup(Settings(nats_url=url, mongo_url=mongo_url, mongo_database=database.name), Limits())
    new = 5 + RESERVE + 1
    moved = await accounting.moved(empty_broker.jetstream(timeout=10))
    assert moved == {place: new + place - 1 for place in range(1, 6)}


async def test_what_was_left_out_is_known_after_a_second_loss(
    broker: Client, settings: Settings, database: Articles
) -> None:
    js = broker.jetstream(timeout=10)
    stored_before(database, 150, datetime.now(UTC))
    await setup(settings, Limits())
    first = await accounting.gaps(js)
    database["articles"].update_one({}, {"$set": {"version": first[0].next}})
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name or "")
    await setup(settings, Limits())
    gaps = await accounting.gaps(js)
    assert (gaps[0].known, gaps[0].next) == (150, first[0].next)
    assert (gaps[1].known, gaps[1].next) == (first[0].next, first[0].next + RESERVE + 1)


async def test_a_backup_is_ingested_under_its_own_numbers_and_what_came_since_goes_behind(
    broker: Client, settings: Settings, database: Articles
) -> None:
    js = broker.jetstream(timeout=10)
    assert await publish(broker, *(a_submission(guid=f"backed-up-{n}") for n in range(3))) == [1, 2, 3]
    stored_before(database, 150, datetime.now(UTC))
    await js.publish("news.v1.submitted", b"{", stream="INBOX", headers={"Nats-Msg-Id": "theirs"})
    assert await publish(broker, a_submission(guid="since")) == [5]
    await setup(settings, Limits())
    assert await ingested(broker, 3) == {"backed-up-0": 1, "backed-up-1": 2, "backed-up-2": 3}
    new = 150 + RESERVE + 1
    assert await accounting.moved(js) == {4: new, 5: new + 1}
    assert [(gap.first, gap.since, gap.known) for gap in await accounting.gaps(js)] == [(4, 150, 150)]
    async with running(ingest.app, settings=settings):
        assert (await ingested(broker, 4))["since"] == new + 1
        [letter] = await read(broker, "DEAD", "news.dead.>", 1)
    assert (letter.data, (letter.headers or {})["wireroom-sequence"]) == (b"{", str(new))
    assert HELD not in {stream.config.name for stream in await js.streams_info()}


@pytest.mark.parametrize("step", ["_hold", "_empty", "_raise", "_release"])
async def test_an_interrupted_setup_is_made_good_by_the_next(
    broker: Client, settings: Settings, database: Articles, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    js = broker.jetstream(timeout=10)
    await publish(broker, a_submission(guid="backed-up"))
    stored_before(database, 150, datetime.now(UTC))
    await publish(broker, *(a_submission(guid=f"since-{n}") for n in range(3)))

    async def interrupted(*_: object) -> None:
        raise InterruptedError(step)

    with monkeypatch.context() as patched:
        patched.setattr(renumbering, step, interrupted)
        with pytest.raises(InterruptedError):
            await setup(settings, Limits())
    await setup(settings, Limits())
    async with running(ingest.app, settings=settings):
        found = await ingested(broker, 4)
    new = 150 + RESERVE + 1
    assert found == {"backed-up": 1} | {f"since-{n}": new + n for n in range(3)}
    assert await accounting.moved(js) == {2 + n: new + n for n in range(3)}


async def test_a_broker_that_is_ahead_is_left_alone(broker: Client, settings: Settings, database: Articles) -> None:
    js = broker.jetstream(timeout=10)
    await publish(broker, *(a_submission(guid=str(n)) for n in range(3)))
    stored_before(database, 3, datetime.now(UTC) - timedelta(hours=1))
    assert await setup(settings, Limits()) == []
    assert (await last(js), await accounting.gaps(js)) == (3, ())


async def test_who_knows_that_the_broker_was_restored_leaves_out_numbers_that_nothing_stored_tells_of(
    broker: Client, settings: Settings, database: Articles
) -> None:
    js = broker.jetstream(timeout=10)
    await publish(broker, *(a_submission(guid=str(n)) for n in range(5)))
    stored_before(database, 3, datetime.now(UTC) - timedelta(hours=1))
    assert str(5 + RESERVE) in (await setup(settings, Limits(), Wish(restored=True)))[-1]
    new = 5 + RESERVE + 1
    assert await accounting.moved(js) == {n: new + n - 1 for n in range(1, 6)}, "unread, and newer than what is stored"
    [gap] = await accounting.gaps(js)
    assert (gap.first, gap.since, gap.known, gap.next) == (1, 3, 3, new)


async def test_a_correction_after_the_loss_is_the_newer_one(
    broker: Client, settings: Settings, database: Articles
) -> None:
    """What today's tree says of it: `superseded`."""
    js = broker.jetstream(timeout=10)
    services = (ingest.app, without_a_model, store.app)
    async with running(*services, settings=settings):
        await publish(
            broker, *(a_submission(guid=f"other-{n}") for n in range(4)), a_submission(guid="lock", body="Open.")
        )
        await read(broker, "NEWS", "news.v1.stored.>", 5)
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name or "")
    await setup(settings, Limits())
    async with running(*services, settings=settings):
        await publish(broker, a_submission(guid="lock", body="Closed."))
        [event] = await read(broker, "NEWS", "news.v1.stored.>", 1)
    assert ArticleStored.model_validate_json(event.data).outcome == "updated"
    found = database["articles"].find_one({"guid": "lock"})
    assert found
    assert found["paragraphs"] == ["Closed."]


async def test_take_downs_come_back_to_a_broker_that_lost_them(
    broker: Client, settings: Settings, database: Articles
) -> None:
    js = broker.jetstream(timeout=10)
    stored_before(database, 150, datetime.now(UTC))
    tombstone = Tombstone(
        id="b" * 32, source="harbour-gazette", reason="court order", at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    fields = {"source": tombstone.source, "reason": tombstone.reason, "withdrawn_at": tombstone.at}
    database["withdrawn"].insert_one({"_id": tombstone.id, **fields})
    assert "bucket withdrawn: 1 take-downs given back" in await setup(settings, Limits())
    withdrawals = Withdrawals()
    await withdrawals.load(js)
    assert withdrawals.reason(tombstone.id) == "court order"
