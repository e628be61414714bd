"""Whoever may publish can stop nothing: headers, ids taken beforehand, floods, and errors that repeat for ever."""

import asyncio
import base64
import json
from collections import Counter

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from services.ingest.app import app as ingest
from shared.broker.dead_letters import PLACES, from_ranges
from shared.broker.envelope import FOREIGN
from shared.messages import ArticleIngested
from shared.settings import Settings
from tests.running import publish, read, running
from wireroom.testing.factories import a_submission

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def raw_with_header(broker: Client, name: str, data: bytes, count: int) -> None:
    """Publish as a client does that checks nothing."""
    head = f"NATS/1.0\r\n{name}: v\r\n\r\n".encode()
    command = f"HPUB news.v1.submitted {len(head)} {len(head) + len(data)}\r\n".encode()
    for _ in range(count):
        await broker._send_command(command + head + data + b"\r\n")  # noqa: SLF001 - publish() refuses such names
    await broker.flush()


def guids(raw: list[Msg]) -> list[str | None]:
    return [ArticleIngested.model_validate_json(message.data).guid for message in raw]


@pytest.mark.parametrize("name", ["x/y", "(x)"])
async def test_a_header_that_cannot_be_published_again_stops_nothing(
    name: str, broker: Client, settings: Settings
) -> None:
    """One of these with an incomplete body made ingest red until it was restarted, 128 stopped it."""
    async with running(ingest, settings=settings):
        await raw_with_header(broker, name, b'{"source": "harbour-gazette"}', 140)
        await publish(broker, a_submission(guid="good"))
        assert guids(await read(broker, "RAW", "news.v1.raw.>", 1)) == ["good"]
        letters = await read(broker, "DEAD", "news.dead.ingest.schema", 140)
    assert {letter.data for letter in letters} == {b'{"source": "harbour-gazette"}'}
    assert json.loads(base64.b64decode((letters[0].headers or {})[FOREIGN])) == {name: "v"}


async def test_headers_of_a_good_article_go_no_further_unless_they_are_ours(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    given = {"traceparent": TRACE, "x-publisher": "p", "wireroom-reason": "schema", "ce-id": "x" * 3000}
    async with running(ingest, settings=settings):
        await js.publish("news.v1.submitted", a_submission(guid="good").model_dump_json().encode(), headers=given)
        [raw] = await read(broker, "RAW", "news.v1.raw.>", 1)
    headers = raw.headers or {}
    assert headers["traceparent"] == TRACE
    assert not {"x-publisher", "wireroom-reason"} & headers.keys()
    assert headers["ce-id"].startswith("raw:")


async def test_an_article_whose_message_id_was_taken_beforehand_arrives(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    [place] = await publish(broker, a_submission(guid="wanted"))
    async with running(ingest, settings=settings):
        [first] = await read(broker, "RAW", "news.v1.raw.>", 1)
    article = ArticleIngested.model_validate_json(first.data)
    taken = f"raw:{article.id}:{place + 1}"
    await js.publish("news.v1.raw.harbour-gazette", b"mine now", headers={"Nats-Msg-Id": taken})
    await publish(broker, a_submission(guid="wanted", title="A correction"))
    async with running(ingest, settings=settings):
        found = await read(broker, "RAW", "news.v1.raw.>", 3)
    assert found[1].data == b"mine now"
    corrected = ArticleIngested.model_validate_json(found[2].data)
    assert (corrected.title, corrected.version) == ("A correction", place + 1)


async def test_a_publisher_that_names_another_source_is_refused_as_its_own(broker: Client, settings: Settings) -> None:
    js = broker.jetstream(timeout=10)
    forged, honest = a_submission(source="harbour-gazette"), a_submission(source="valdoria-post", guid="mine")
    for article in (forged, honest):
        await js.publish("news.v1.submitted.valdoria-post", article.model_dump_json().encode(), stream="INBOX")
    async with running(ingest, settings=settings):
        assert guids(await read(broker, "RAW", "news.v1.raw.>", 1)) == ["mine"]
        [letter] = await read(broker, "DEAD", "news.dead.ingest.>", 1)
    assert letter.subject == "news.dead.ingest.wrong_source"
    assert (letter.headers or {})["wireroom-detail"] == "its publisher is valdoria-post, and it says harbour-gazette"


async def test_another_sources_link_makes_no_version_of_its_article(broker: Client, settings: Settings) -> None:
    js, link = broker.jetstream(timeout=10), "https://gazette.example/lock"
    for source in ("harbour-gazette", "valdoria-post", "harbour-gazette"):
        data = a_submission(source=source, url=link, guid=None).model_dump_json().encode()
        await js.publish(f"news.v1.submitted.{source}", data, stream="INBOX")
    await publish(broker, a_submission(source="harbour-gazette", url=link, guid=None))  # by nobody who is known
    async with running(ingest, settings=settings):
        found = [
            ArticleIngested.model_validate_json(each.data) for each in await read(broker, "RAW", "news.v1.raw.>", 4)
        ]
    ids = [each.id for each in found]
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3


async def test_what_a_source_sends_beyond_its_quota_is_refused_and_the_others_arrive(
    broker: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_INGEST_SOURCE_ARTICLES", "20")
    flood = [a_submission(source="flood", guid=f"f{number}") for number in range(400)]
    async with running(ingest, settings=settings):
        places = await publish(broker, *flood[:300], a_submission(guid="good"), *flood[300:])
        assert guids(await read(broker, "RAW", "news.v1.raw.harbour-gazette", 1)) == ["good"]
        await emptied(broker, "INBOX")
    js = broker.jetstream(timeout=10)
    dead = (await js.stream_info("DEAD", subjects_filter="news.dead.>")).state
    sums = await read(broker, "DEAD", "news.dead.ingest.over_quota", dead.messages)
    refused = set[int]().union(*(from_ranges((letter.headers or {})[PLACES]) for letter in sums))
    accepted = len(await read(broker, "RAW", "news.v1.raw.flood", 20))
    assert set(dead.subjects or {}) == {"news.dead.ingest.over_quota"}
    assert refused < set(places)
    assert accepted + len(refused) == 400
    assert dead.messages < len(refused) / 5, "one letter stands for many"
    detail = (sums[0].headers or {})["wireroom-detail"]
    assert detail == "source flood is over its quota of 20 articles in an hour"


async def test_bad_messages_beyond_the_quota_of_their_source_leave_no_bytes_and_every_place(
    broker: Client, settings: Settings
) -> None:
    data = b'{"source": "flood", "body": "' + b"x" * 2000 + b'", "unknown": 1}'
    tight = settings.model_copy(update={"source_dead_letter_bytes": 40_000})
    async with running(ingest, settings=tight):
        places = await publish(broker, *[data] * 300, b'{"source": "harbour-gazette"}')
        await emptied(broker, "INBOX")
    js = broker.jetstream(timeout=10)
    state = (await js.stream_info("DEAD", subjects_filter="news.dead.>")).state
    letters = await read(broker, "DEAD", "news.dead.>", state.messages)
    whole = [letter for letter in letters if PLACES not in (letter.headers or {})]
    assert Counter(letter.data for letter in whole) == {data: 13, b'{"source": "harbour-gazette"}': 1}
    sums = [from_ranges((letter.headers or {})[PLACES]) for letter in letters if letter not in whole]
    assert len(set[int]().union(*sums)) == len(places) - len(whole)
    assert state.bytes < 300 * 1000


async def emptied(broker: Client, stream: str) -> None:
    async with asyncio.timeout(30):
        while (await broker.jetstream().stream_info(stream)).state.messages:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
