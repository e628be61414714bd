"""The audit of streams that move on while they are read."""

import asyncio

from nats.aio.client import Client

from services.ingest import app as ingest
from services.store import app as store
from shared.settings import Settings
from tests.commands import wireroom
from tests.fakes.model import without_a_model
from tests.running import idle, publish, read, running
from wireroom.ops import dead_letter_queue
from wireroom.ops.audit import balance, gather
from wireroom.ops.dead_letter_queue import Choice
from wireroom.testing.factories import a_submission


async def test_what_moves_on_while_it_is_counted_is_not_called_missing(broker: Client, settings: Settings) -> None:
    js, looks = broker.jetstream(timeout=10), 0
    async with running(ingest.app, without_a_model, store.app, settings=settings):
        publishing = asyncio.create_task(publish(broker, *(a_submission(guid=f"moving-{n}") for n in range(400))))
        while not publishing.done() or balance(await gather(js)).in_flight:
            looks += 1
            assert balance(await gather(js)).missing == ()
    found = balance(await gather(js))
    assert looks, "all was done before the first look"
    assert (found.outcomes, found.missing) == ({"inserted": 400}, ())


async def test_a_letter_that_was_dropped_is_counted_and_hides_no_loss(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    async with running(ingest.app, settings=settings):
        await publish(broker, b"{", b"{", a_submission(guid="kept"), a_submission(guid="lost"))
        await read(broker, "DEAD", "news.dead.>", 2)
        await idle(broker, "INBOX", "ingest")
    await dead_letter_queue.drop(js, [letter async for letter in dead_letter_queue.read(js)], Choice())
    found = balance(await gather(js))
    assert (found.accepted, found.dropped, found.in_flight, found.missing) == (4, 2, 2, ())
    await js.delete_msg("RAW", 2)
    assert balance(await gather(js)).missing == (4,)


async def test_a_loss_is_accepted_with_its_reason_and_a_later_one_is_not(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    async with running(ingest.app, settings=settings):
        await publish(broker, *(a_submission(guid=f"lost-{number}") for number in range(3)))
        await idle(broker, "INBOX", "ingest")
    await js.delete_msg("RAW", 2)
    assert (await wireroom(settings, "audit"))[0] == 1
    assert (await wireroom(settings, "audit", "--accept"))[0] == 2, "without a reason"
    code, said = await wireroom(settings, "audit", "--accept", "--reason", "a disk was replaced", "--by", "Ada Pell")
    assert (code, "1 lost" in said) == (0, True), said
    code, said = await wireroom(settings, "audit")
    assert code == 0, said
    assert "by Ada Pell: 1 submission and 0 stored articles: a disk was replaced" in said
    await js.delete_msg("RAW", 3)
    code, said = await wireroom(settings, "audit")
    assert (code, "by their place in INBOX: 3" in said) == (1, True), said
