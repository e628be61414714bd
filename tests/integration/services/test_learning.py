"""What is learned on a real broker: shared by all replicas, decided upon by people, and never needed to go on."""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial

import pytest
from nats.aio.client import Client

from services.extract.boilerplate import shared_table
from services.extract.boilerplate.learner import Learner
from services.extract.boilerplate.line_table import Table, learn
from services.extract.boilerplate.sightings import sighting
from services.extract.clean.rules.line_facts import line_key
from shared.errors import Unavailable
from shared.messages import ArticleExtracted
from shared.settings import Settings
from shared.topology import BOILERPLATE
from tests.cleaning import RULES
from tests.commands import wireroom
from tests.running import idle, read, real_extract, running
from tests.sources import generated
from wireroom.testing.factories import a_raw_article, an_extracted_article

SOURCE = "harbour-gazette"
NOTICE = "The Lantern is printed on paper from the forests of Estovia."
KEY = line_key(NOTICE) or ""
TEXTS = [article.paragraphs for article in generated(40, seed=9)]


def an_article(number: int) -> ArticleExtracted:
    return an_extracted_article(guid=str(number), version=number + 1, paragraphs=(*TEXTS[number], NOTICE))


def note(learner: Learner, article: ArticleExtracted) -> None:
    learner.note(article.source, sighting(article, RULES.vocabulary))


async def count(broker: Client, numbers: range) -> Table:
    edit = partial(
        learn, sightings=[sighting(an_article(number), RULES.vocabulary) for number in numbers], now=datetime.now(UTC)
    )
    return await shared_table.change(broker.jetstream(timeout=5), SOURCE, edit)


async def table(broker: Client) -> Table:
    return dict([entry async for entry in shared_table.tables(broker.jetstream(timeout=5))]).get(SOURCE, Table())


async def test_replicas_that_count_at_once_lose_no_article(broker: Client) -> None:
    await asyncio.gather(*(count(broker, range(start, start + 2)) for start in range(0, 20, 2)))
    assert (await table(broker)).articles == pytest.approx(20, abs=0.01)


async def test_a_line_that_articles_share_is_taken_out_after_a_restart(broker: Client, settings: Settings) -> None:
    js = broker.jetstream()

    async def publish(number: int) -> None:
        body = "\n\n".join([*TEXTS[number], NOTICE])
        raw = a_raw_article(guid=str(number), version=number + 1, body=body)
        await js.publish(raw.subject, raw.model_dump_json().encode(), stream="RAW")

    async with running(real_extract, settings=settings):
        for number in range(10):
            await publish(number)
        await idle(broker, "RAW", "extract")
    async with running(real_extract, settings=settings):
        await publish(10)
        results = await read(broker, "NEWS", "news.v1.extracted.>", 11)
    first, last = (ArticleExtracted.model_validate_json(results[at].data) for at in (0, 10))
    assert first.paragraphs == (*TEXTS[0], NOTICE)
    assert last.paragraphs == TEXTS[10]
    [removed] = last.removed
    assert (removed.text, removed.rule) == (NOTICE, "furniture")
    assert 0.8 < (removed.score or 0) < 1


async def test_what_one_replica_learns_the_others_hear(broker: Client, settings: Settings) -> None:
    async with Learner(settings.nats_url, pause=0.02).running() as one, Learner(settings.nats_url).running() as other:
        for number in range(10):
            note(one, an_article(number))
        async with asyncio.timeout(60):
            while not other.known(SOURCE):  # noqa: ASYNC110 - what is heard sets no event
                await asyncio.sleep(0.01)
    assert other.known(SOURCE) == (await table(broker)).boilerplate()
    assert other.known("tide-times") == {}


@pytest.mark.parametrize("url", ["nats://127.0.0.1:1", ""])
async def test_without_a_broker_or_bucket_work_goes_on(empty_broker: Client, url: str) -> None:
    address = url or (empty_broker.connected_url.geturl() if empty_broker.connected_url else "")
    async with Learner(address, pause=0.01, patience=0.1).running() as learner:
        for number in range(10):
            note(learner, an_article(number))
        assert learner.known(SOURCE) == {}
    with pytest.raises(Unavailable, match="setup"):
        await count(empty_broker, range(1))


async def test_a_table_that_cannot_be_read_is_made_anew(broker: Client) -> None:
    await (await broker.jetstream().key_value(BOILERPLATE)).put(SOURCE, b"{]")
    await count(broker, range(10))
    assert KEY in (await table(broker)).boilerplate()


async def test_lines_are_listed_approved_and_vetoed(broker: Client, settings: Settings) -> None:
    code, said = await wireroom(settings, "rules", "ls")
    assert (code, "Nothing is learned yet" in said) == (0, True)
    await count(broker, range(4))
    code, said = await wireroom(settings, "rules", "ls", "--all", "--json")
    [row] = [json.loads(line) for line in said.splitlines()]
    assert (row["id"], row["source"], row["state"], row["text"]) == (KEY, SOURCE, "candidate", NOTICE)

    code, said = await wireroom(settings, "rules", "approve", KEY[:6])
    assert (code, "is approved" in said) == (0, True)
    assert (await table(broker)).boilerplate() == {KEY: 1.0}
    code, said = await wireroom(settings, "rules", "veto", KEY, "--source", SOURCE, "--json")
    assert (code, json.loads(said)["state"]) == (0, "vetoed")
    code, said = await wireroom(settings, "rules", "approve", KEY)
    assert (code, "is vetoed" in said) == (1, True)
    await count(broker, range(4, 30))
    assert (await table(broker)).boilerplate() == {}
    code, said = await wireroom(settings, "rules", "show", KEY, "--json")
    assert (json.loads(said)["state"], json.loads(said)["inside"]) == ("vetoed", 0)

    code, said = await wireroom(settings, "rules", "veto", KEY, "--lift")
    assert (code, "is learned" in said) == (0, True)
    assert KEY in (await table(broker)).boilerplate()
    code, said = await wireroom(settings, "rules", "ls", "--source", SOURCE)
    assert (code, NOTICE in said) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "ffffffffffff"], 1, "no line"),
        (["approve", "ffffffffffff"], 1, "no line"),
        (["veto", KEY, "--lift"], 1, "is not vetoed"),
        (["show", ""], 2, "can mean"),
        (["ls", "--source", "NO"], 2, "is no source"),
    ],
)
async def test_what_cannot_be_done_is_said(
    broker: Client, settings: Settings, arguments: list[str], code: int, said: str
) -> None:
    await count(broker, range(4))
    assert (await wireroom(settings, "rules", *arguments))[0] == code
    assert said in (await wireroom(settings, "rules", *arguments))[1]


async def test_without_the_bucket_the_command_says_what_to_do(empty_broker: Client, mongo_url: str) -> None:
    url = empty_broker.connected_url.geturl() if empty_broker.connected_url else ""
    code, said = await wireroom(Settings(nats_url=url, mongo_url=mongo_url), "rules", "ls")
    assert (code, "wireroom setup" in said) == (69, True)
