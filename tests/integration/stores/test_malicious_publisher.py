"""What a publisher with an account of its own may try against the articles of another source: all of it at one stack.

It sends every attack below; then every article, line and setting of the others is what it was, and what was refused is
counted in ingest's metrics, or told to it by the broker.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError
from pymongo.database import Database

from services.ingest.app import app as ingest
from services.setup.broker_accounts import Outsiders, configuration, user_names
from services.setup.preparation import Wish, setup
from services.store.app import app as store
from shared.broker import nats_client
from shared.broker.permissions import OPERATOR, SETUP
from shared.limits import Limits
from shared.messages import ArticleSubmitted
from shared.settings import Settings
from shared.topology import buckets, streams
from tests.integration.services.test_metrics_served import page, samples
from tests.running import real_extract, running
from wireroom.bench.raw_nats import block
from wireroom.local import ports, servers
from wireroom.testing.factories import a_submission

VICTIM, ATTACKER = "harbour-gazette", "valdoria-post"
OUTSIDERS = Outsiders({"gazette": VICTIM, "mallory": ATTACKER}, {})
PASSWORDS = {name: f"password-of-{name}" for name in user_names(OUTSIDERS)}
SUBMITTED = ArticleSubmitted.subject_pattern
LINK = "https://gazette.example/lock"
NOTICE = "The canal is open from eight in the morning until dusk."
QUOTA = 60  # articles of one source in an hour


class Attacker:
    """A connection of a publisher's own, and what the broker said to it."""

    def __init__(self, connection: Client, denied: list[str]) -> None:
        self.connection, self.denied = connection, denied
        self.acknowledged, self.refused, self.heard = 0, list[str](), list[str]()

    async def submit(self, data: bytes | ArticleSubmitted, headers: dict[str, str] | None = None) -> None:
        """Submit as publishers do, and note what became of it."""
        body = data if isinstance(data, bytes) else data.model_dump_json().encode()
        try:
            await self.connection.jetstream(timeout=5).publish(SUBMITTED, body, headers=headers)
        except (NatsError, APIError) as error:
            self.refused.append(str(error))
        else:
            self.acknowledged += 1

    async def send(self, subject: str, data: bytes = b"{}", reply: str = "") -> None:
        """Publish without waiting, on any subject and with any subject for the answer."""
        await self.connection.publish(subject, data, reply=reply)

    async def listen(self, subject: str) -> None:
        async def hear(message: Any) -> None:  # noqa: ANN401 - a message of nats-py
            self.heard.append(message.subject)

        await self.connection.subscribe(subject, cb=hear)


def mine(**fields: Any) -> ArticleSubmitted:  # noqa: ANN401 - of a submission
    return a_submission(**{"source": ATTACKER, "guid": None, "url": None} | fields)


def forged(**fields: object) -> bytes:
    return json.dumps({"source": ATTACKER, "body": "The lock stays shut, says nobody.", **fields}).encode()


# --- the attacks: each is one function, and its name says what it tries ---


async def anothers_source(by: Attacker) -> None:
    await by.submit(mine(source=VICTIM, guid="new"))


async def anothers_guid_in_its_name(by: Attacker) -> None:
    await by.submit(mine(source=VICTIM, guid="lock-1", title="Taken over"))


async def anothers_guid_in_ones_own_name(by: Attacker) -> None:
    await by.submit(mine(guid="lock-1", title="Taken over"))


async def anothers_link(by: Attacker) -> None:
    await by.submit(mine(url=LINK, title="Taken over"))


async def anothers_link_in_other_words(by: Attacker) -> None:
    for url in (f"{LINK}?utm_source=x", LINK.upper(), f"{LINK}#top", LINK.replace("https", "http"), f"{LINK}/"):
        await by.submit(mine(url=url, title="Taken over"))


async def anothers_text(by: Attacker) -> None:
    await by.submit(mine(title="Without link or guid", body="The bridge of Tidewell is closed until Monday."))


async def two_sources_in_one_object(by: Attacker) -> None:
    for first, second in ((ATTACKER, VICTIM), (VICTIM, ATTACKER)):
        await by.submit(
            b'{"source": "%b", "source": "%b", "guid": "lock-1", "body": "x"}' % (first.encode(), second.encode())
        )


async def sources_that_look_alike(by: Attacker) -> None:
    for source in (f"{VICTIM} ", f"\u200b{VICTIM}", VICTIM.replace("a", "\u0430"), VICTIM.upper(), f"{VICTIM}\x00"):
        await by.submit(forged(source=source, guid="lock-1"))


async def sources_that_are_subjects(by: Attacker) -> None:
    for source in ("*", ">", f"{ATTACKER}.{VICTIM}", "", None, 7, [VICTIM], {"$ne": ATTACKER}):
        await by.submit(forged(source=source, guid="lock-1"))


async def an_identity_of_ones_own_making(by: Attacker) -> None:
    for more in (
        {"id": "0" * 32},
        {"version": 2**62},
        {"content_hash": "0" * 64},
        {"received_at": "2099-01-01T00:00:00Z"},
    ):
        await by.submit(forged(guid="lock-1", **more))


async def an_older_and_a_later_time(by: Attacker) -> None:
    await by.submit(mine(guid="lock-1", updated_at="2099-01-01T00:00:00Z"))


async def the_subject_of_another_source(by: Attacker) -> None:
    await by.send(f"{SUBMITTED}.{VICTIM}", mine(source=VICTIM).model_dump_json().encode())


async def internal_subjects(by: Attacker) -> None:
    for subject in (f"news.v1.raw.{VICTIM}", f"news.v1.extracted.en.{VICTIM}", f"news.v1.stored.en.{VICTIM}"):
        await by.send(subject)
    for subject in (f"news.v1.withdrawn.{VICTIM}", "news.dead.ingest.schema", "news.held.submitted"):
        await by.send(subject)


async def buckets_of_the_services(by: Attacker) -> None:
    for each in buckets():
        await by.send(f"$KV.{each.bucket}.{VICTIM}")


async def streams_and_consumers(by: Attacker) -> None:
    for what in ("STREAM.DELETE.RAW", "STREAM.PURGE.NEWS", "STREAM.MSG.DELETE.INBOX", "CONSUMER.DELETE.INBOX.ingest"):
        await by.send(f"$JS.API.{what}", b"{}")
    for what in ("CONSUMER.MSG.NEXT.INBOX.ingest", "STREAM.MSG.GET.RAW", "CONSUMER.CREATE.NEWS", "DIRECT.GET.RAW.1"):
        await by.send(f"$JS.API.{what}", b'{"seq": 1}', by.connection.new_inbox())


async def acknowledgements_of_a_service(by: Attacker) -> None:
    for number in range(1, 6):
        await by.send(f"$JS.ACK.INBOX.ingest.1.{number}.{number}.1.0", b"+TERM")


async def answers_that_become_messages(by: Attacker) -> None:
    """The broker answers a publication on the subject that it names: an internal one has to receive nothing."""
    for reply in (f"news.v1.raw.{VICTIM}", f"news.v1.withdrawn.{VICTIM}", "$KV.withdrawn.x", "news.dead.ingest.schema"):
        await by.send(SUBMITTED, mine(guid="reply").model_dump_json().encode(), reply)


async def ears_at_the_door(by: Attacker) -> None:
    for subject in (">", "news.>", "$JS.>", "$KV.>", "_INBOX.ingest.>", f"{SUBMITTED}.>", "$SYS.>"):
        await by.listen(subject)


async def headers_of_the_broker(by: Attacker) -> None:
    for name, value in (
        *(("Nats-Rollup", "all"), ("Nats-Rollup", "sub"), ("Nats-TTL", "1s"), ("Nats-Schedule", "@every 1s")),
        *(("Nats-Expected-Last-Sequence", "99999"), ("Nats-Expected-Stream", "RAW"), ("Nats-Incr", "1")),
        *(("Nats-Batch-Id", "b"), ("Nats-Schedule-Target", f"news.v1.raw.{VICTIM}")),
    ):
        await by.submit(mine(guid=f"{name} {value}"), {name: value})


async def headers_of_ours(by: Attacker) -> None:
    for name, value in (
        *(("wireroom-replayed-from", "1"), ("wireroom-replay", "x"), ("wireroom-reason", "schema")),
        *(("wireroom-service", "store"), ("ce-id", "raw:lock-1"), ("wireroom-places", "1-99999")),
    ):
        await by.submit(mine(guid=name), {name: value})


async def lines_that_are_no_headers(by: Attacker) -> None:
    head = block(b"x: 1\nNats-Msg-Id: 2\rx: 3", b" continued")
    data = mine(guid="lines").model_dump_json().encode()
    command = b"HPUB %b %d %d\r\n%b%b\r\n" % (SUBMITTED.encode(), len(head), len(head) + len(data), head, data)
    await by.connection._send_command(command)  # noqa: SLF001 - as a client does that checks nothing


async def bodies_that_are_no_articles(by: Attacker) -> None:
    for data in (b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"source": NaN}', json.dumps(VICTIM).encode()):
        await by.submit(data)


async def operators_in_fields(by: Attacker) -> None:
    for value in ({"$gt": ""}, {"$where": "1"}, ["$ne"]):
        await by.submit(forged(guid=value))
        await by.submit(forged(title=value))


async def learning_of_a_line_that_another_has(by: Attacker) -> None:
    for number in range(30):
        await by.submit(mine(guid=f"line-{number}", body=f"Article number {number} of a series.\n\n{NOTICE}"))


async def a_flood(by: Attacker) -> None:
    for number in range(2 * QUOTA):
        await by.submit(mine(guid=f"flood-{number}"))


ATTACKS = (
    *(anothers_source, anothers_guid_in_its_name, anothers_guid_in_ones_own_name, anothers_link, anothers_text),
    *(anothers_link_in_other_words, two_sources_in_one_object, sources_that_look_alike, sources_that_are_subjects),
    *(an_identity_of_ones_own_making, an_older_and_a_later_time, the_subject_of_another_source, internal_subjects),
    *(buckets_of_the_services, streams_and_consumers, acknowledgements_of_a_service, answers_that_become_messages),
    *(ears_at_the_door, headers_of_the_broker, headers_of_ours, lines_that_are_no_headers),
    *(bodies_that_are_no_articles, operators_in_fields, learning_of_a_line_that_another_has, a_flood),
)


# --- the stack, and what is looked at ---


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.nats_server(
        tmp_path_factory.mktemp("attacked"), accounts=configuration(PASSWORDS, OUTSIDERS)
    ) as found:
        yield found


def address(url: str, user: str) -> str:
    return url.replace("//", f"//{user}:{PASSWORDS[user]}@")


@asynccontextmanager
async def connected(url: str, user: str) -> AsyncIterator[Attacker]:
    denied: list[str] = []

    async def note(error: Exception) -> None:
        denied.append(str(error))

    connection = await nats_client.connect([address(url, user)], error_cb=note)
    try:
        yield Attacker(connection, denied)
    finally:
        await connection.close()


def of_victim(database: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    both = [database[name].find({"source": VICTIM}).sort("_id") for name in ("articles", "article_versions")]
    return [document for found in both for document in found]


async def subjects(js: Any, stream: str) -> dict[str, int]:  # noqa: ANN401 - a JetStream context
    return dict((await js.stream_info(stream, subjects_filter=">")).state.subjects or {})


async def drained(js: Any) -> None:  # noqa: ANN401 - the same
    async with asyncio.timeout(120):
        for stream, durable in (("INBOX", "ingest"), ("RAW", "extract"), ("NEWS", "store")):
            while (found := await js.consumer_info(stream, durable)).num_pending or found.num_ack_pending:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def victims(number: int = 0) -> list[ArticleSubmitted]:
    about = f"The mayor of Tidewell opened the lock on Monday, for the {number}th time."
    return [
        a_submission(source=VICTIM, guid="lock-1", url=f"{LINK}/1", title="The lock", body=f"{about}\n\n{NOTICE}"),
        a_submission(source=VICTIM, guid=None, url=LINK, title="The lock, by link", body=f"{about}\n\n{NOTICE}"),
        a_submission(
            source=VICTIM, guid=None, url=None, title="Without link or guid",
            body="The bridge of Tidewell is closed until Monday.",
        ),
    ]  # fmt: skip


async def test_no_attack_of_a_publisher_changes_an_article_of_another_source(
    url: str,
    mongo_url: str,
    database: Database[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("WIREROOM_INGEST_SOURCE_ARTICLES", str(QUOTA))
    common = Settings(mongo_url=mongo_url, mongo_database=database.name)
    as_setup = common.model_copy(update={"nats_url": address(url, SETUP)})
    await setup(as_setup, Limits(), Wish(compare=False))
    health = ports.free(3)
    async with AsyncExitStack() as stack:
        for port, (name, app) in zip(
            health, {"store": store, "extract": real_extract, "ingest": ingest}.items(), strict=True
        ):
            settings = common.model_copy(update={"nats_url": address(url, name), "health_port": port})
            await stack.enter_async_context(running(app, settings=settings))
        operator = await stack.enter_async_context(connected(url, OPERATOR))
        gazette = await stack.enter_async_context(connected(url, "gazette"))
        mallory = await stack.enter_async_context(connected(url, "mallory"))
        js = operator.connection.jetstream(timeout=10)

        for article in victims():
            await gazette.submit(article)
        await drained(js)
        before = of_victim(database)
        kept = {name: await subjects(js, f"KV_{name}") for name in ("withdrawn", "tokens", "searches", "feeds")}
        assert [document["title"] for document in before].count("The lock") == 1
        assert len(before) == 3

        for attack in ATTACKS:
            await attack(mallory)
        await mallory.connection.flush()
        await drained(js)

        assert of_victim(database) == before, "an article of another source was changed"
        assert {name: await subjects(js, f"KV_{name}") for name in kept} == kept
        raw, letters = await subjects(js, "RAW"), await subjects(js, "DEAD")
        assert set(raw) == {f"news.v1.raw.{VICTIM}", f"news.v1.raw.{ATTACKER}"}
        assert raw[f"news.v1.raw.{VICTIM}"] == 3
        assert {str(each.config.name) for each in await js.streams_info()} >= {str(each.name) for each in streams()}
        assert set(mallory.heard) == set(), "it heard what is not for it"
        assert raw[f"news.v1.raw.{ATTACKER}"] <= QUOTA

        for article in victims(2):  # whatever was learned, taken or filled: the others go on
            await gazette.submit(article)
        await drained(js)
        newest = list(database["articles"].find({"source": VICTIM}))
        assert gazette.refused == []
        assert sum("2th time" in json.dumps(each["paragraphs"]) for each in newest) == 2
        assert sum(NOTICE in json.dumps(each["paragraphs"]) for each in newest) == 2, "a line of its own is taken out"
        counted = refusals(await asyncio.to_thread(page, health[-1], "/metrics"))
    assert [line for line in caplog.messages if "iolation" in line or "could not be" in line] == []
    assert {reason.rpartition(".")[2] for reason in letters} == set(counted), "each refusal is in the metrics"
    assert counted["wrong_source"] >= 2
    assert counted["over_quota"] >= QUOTA
    assert counted["unknown_field"] == 4
    assert counted["not_json"] and counted["schema"]  # noqa: PT018 - both are many
    denied = "\n".join(mallory.denied)
    for subject in (f"{SUBMITTED}.{VICTIM}", f"news.v1.raw.{VICTIM}", "$kv.withdrawn", "$js.api.stream.delete.raw"):
        assert f'permissions violation for publish to "{subject.lower()}' in denied
    assert 'permissions violation for subscription to ">"' in denied


def refusals(metrics: str) -> Counter[str]:
    """Return how many messages ingest dead-lettered, by reason, a sum for many counted as all of them."""
    found: Counter[str] = Counter()
    for (name, labels), value in samples(metrics).items():
        if name == "wireroom_dead_letters_total" and value:
            found[dict(labels)["reason"]] += int(value)
    return found
