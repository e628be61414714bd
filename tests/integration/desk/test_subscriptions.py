"""Saved searches at work: new articles reach the subject, the feed, and a webhook, however that behaves."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.desk.subscriptions import saved_search
from services.desk.subscriptions.receiver import Receiver
from services.desk.subscriptions.saved_search import SavedSearch, key_of, made, new_secret
from services.desk.subscriptions.subscription_tasks import Subscriptions, running
from services.desk.subscriptions.webhook import signed
from shared.broker.dead_letters import DeadLetters
from shared.broker.envelope import REPLAY, headers
from shared.broker.stream_reader import all_of
from shared.broker.withdrawals import Tombstone, Withdrawals, withdraw
from shared.guarded_http import FetchLimits, GuardedClient
from shared.messages import ArticleExtracted, ArticleMatched
from shared.settings import Settings
from tests.commands import command_of
from tests.feeds.web_server import Answer, Request, serving
from wireroom.ops.withdraw import Wanted, find
from wireroom.testing.factories import an_extracted_article

PATIENCE = 120.0
WITHIN, HANGING = 30.0, 0.5  # seconds for an answer, and for one that does not come or has no end
SILENT = ("hangs", "lies")
QUICK = (0.05,) * 60  # seconds between tries


async def publish(broker: Client, *articles: ArticleExtracted, **more: str) -> None:
    for article in articles:
        given = headers(article, service="extract", now=datetime.now(UTC)) | more
        await broker.jetstream().publish(article.subject, article.model_dump_json().encode(), headers=given)


def receiver(
    delays: tuple[float, ...] = QUICK, limits: FetchLimits | None = None, **client: object
) -> Callable[[SavedSearch, DeadLetters, Withdrawals], Receiver]:
    def make(search: SavedSearch, dead_letters: DeadLetters, withdrawals: Withdrawals) -> Receiver:
        return Receiver(
            search,
            dead_letters,
            withdrawals,
            open_client=lambda: GuardedClient(**({"allowed": ("127.0.0.1",)} | client)),  # type: ignore[arg-type]
            delays=delays,
            limits=limits or FetchLimits(total_seconds=HANGING if search.name in SILENT else WITHIN, max_redirects=0),
        )

    return make


@asynccontextmanager
async def subscriptions(
    broker: Client, make: Callable[[SavedSearch, DeadLetters, Withdrawals], Receiver] | None = None
) -> AsyncIterator[Subscriptions]:
    async with running(broker, broker.jetstream(timeout=10), make or receiver()) as works:
        yield works


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not seen():  # noqa: ASYNC110 - what is waited for tells of itself only by being looked at
            await asyncio.sleep(0.02)


async def until_true(asked: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await asked():  # noqa: ASYNC110 - the broker is asked
            await asyncio.sleep(0.02)


async def letters_of(js: JetStreamContext) -> list[dict[str, str]]:
    found = all_of(js, "DEAD", "news.dead.>")
    return [{"subject": each.subject, **(each.headers or {})} async for each in found]


async def any_letter(js: JetStreamContext) -> bool:
    return bool(await letters_of(js))


async def answered(js: JetStreamContext, consumer: str) -> bool:
    return not (await js.consumer_info("MATCHED", consumer)).num_ack_pending


async def matches(broker: Client, search: str) -> list[ArticleMatched]:
    found = all_of(broker.jetstream(), "MATCHED", f"news.v1.matched.{search}")
    return [ArticleMatched.model_validate_json(message.data) async for message in found]


def articles(count: int, word: str = "lock") -> list[ArticleExtracted]:
    return [an_extracted_article(guid=f"{word}{number}", title=f"A {word} {number}") for number in range(count)]


async def test_each_new_article_that_matches_is_published_once_and_is_in_the_feed(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    await saved_search.add(js, made("locks", "title:lock"))
    await saved_search.add(js, made("all", "source:harbour-gazette"))
    locks, others = articles(30), articles(5, "quay")
    async with subscriptions(broker) as works:
        await publish(broker, *locks, *others)
        await until(lambda: len(works.matches.of("all")) == 35)
        await until(lambda: len(works.matches.of("locks")) == 30)
        [replayed] = articles(1, "weir lock")
        await publish(broker, replayed, **{REPLAY: "r1"})
        await publish(broker, *articles(1, "lock lock"))
        await until(lambda: len(works.matches.of("locks")) == 31)
    assert Counter(match.id for match in await matches(broker, "locks")).most_common(1)[0][1] == 1
    assert replayed.id not in {match.id for match in await matches(broker, "all")}, "a replay brings nothing new"


async def test_a_search_that_is_added_or_removed_while_the_desk_runs_begins_and_ends(broker: Client) -> None:
    js = broker.jetstream(timeout=10)
    async with subscriptions(broker) as works:
        await saved_search.add(js, made("locks", "lock"))
        await until(lambda: "locks" in works.searches)
        await publish(broker, *articles(2))
        await until(lambda: len(works.matches.of("locks")) == 2)
        assert await saved_search.remove(js, "locks")
        await until(lambda: "locks" not in works.searches and not works.matches.of("locks"))
        assert not await saved_search.remove(js, "locks")


Behave = Callable[[Request], Awaitable[Answer]]


class Web:
    """Receivers by path; each behaves as it is told and notes what it took."""

    def __init__(self) -> None:
        self.behaviour: dict[str, Behave] = {}
        self.taken: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.tries: Counter[str] = Counter()
        self.keys: dict[str, str] = {}

    async def __call__(self, request: Request) -> Answer:
        name = request.path.strip("/")
        self.tries[name] += 1
        if behave := self.behaviour.get(name):
            return await behave(request)
        given = json.loads(request.body)
        at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        match = ArticleMatched.model_validate(given["data"])
        search = made(name, "x", "https://x.example", self.keys[name])
        assert signed(search, match, request.body, at)["webhook-signature"] == request.headers["webhook-signature"]
        self.taken[name][match.id] += 1
        return Answer(b"ok")


async def fails(_: Request) -> Answer:
    return Answer(b"broken", 503)


async def hangs(_: Request) -> Answer:
    await asyncio.Event().wait()
    raise AssertionError


async def lies(request: Request) -> Answer:
    """Answer what is no answer: a redirect to this machine, no HTTP, a body that ends early, or a bomb's length."""
    number = int(request.headers["webhook-id"].rpartition("-")[0][-1], 16) % 4
    return [
        Answer(status=307, headers={"Location": "http://127.0.0.1:1/"}),
        Answer(raw=b"HTTP/9 nonsense\r\n\r\n"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    ][number]


async def test_a_receiver_that_fails_hangs_and_lies_gets_every_match_once_it_mends_and_nobody_waits_for_it(
    broker: Client,
) -> None:
    js, web, locks = broker.jetstream(timeout=10), Web(), articles(12)
    wanted = {article.id for article in locks}
    async with serving(web) as server:
        for name, behave in (("fails", fails), ("hangs", hangs), ("lies", lies), ("works", None)):
            web.keys[name] = new_secret()
            if behave:
                web.behaviour[name] = behave
            address = f"http://127.0.0.1:{server.port}/{name}"
            await saved_search.add(js, made(name, "lock", address, web.keys[name]))
        async with subscriptions(broker):
            await publish(broker, *locks)
            await until(lambda: web.taken["works"].keys() == wanted)
            assert not web.taken["hangs"], "who works had all while another hung"
            await until(lambda: min(web.tries[name] for name in ("fails", "hangs", "lies")) > 6)
        tried = dict(web.tries)  # the desk is started again: what was not delivered is not forgotten
        web.behaviour.clear()
        async with subscriptions(broker):
            for name in ("fails", "hangs", "lies"):
                await until(lambda name=name: web.taken[name].keys() == wanted)  # type: ignore[misc]
        assert web.taken["works"] == Counter(wanted), "and nothing comes again"
        assert tried["works"] == len(wanted)
    for name in web.keys:
        info = await js.consumer_info("MATCHED", f"webhook-{name}")
        assert (info.num_pending, info.num_ack_pending) == (0, 0)


async def test_a_match_that_is_never_taken_is_dead_lettered_with_its_reason(broker: Client, settings: Settings) -> None:
    js, web = broker.jetstream(timeout=10), Web()
    web.behaviour["fails"] = fails
    async with serving(web) as server:
        await saved_search.add(js, made("fails", "lock", f"http://127.0.0.1:{server.port}/fails", new_secret()))
        async with subscriptions(broker, receiver(delays=(0.01, 0.02))):
            await publish(broker, *articles(1))
            await until_true(lambda: any_letter(js))
    [letter] = await letters_of(js)
    assert letter["subject"] == "news.dead.desk.not_delivered"
    assert "in 3 tries; the last: it answered 503" in letter["wireroom-detail"]
    assert web.tries["fails"] == 3
    web.behaviour.clear()
    web.keys["fails"] = (await saved_search.BUCKET.all(js)).values["fails"].secret or ""
    async with serving(web) as server:
        await saved_search.remove(js, "fails")
        await saved_search.add(js, made("fails", "lock", f"http://127.0.0.1:{server.port}/fails", web.keys["fails"]))
        async with subscriptions(broker):
            done = await command_of(settings)("dead", "replay", "--reason", "not_delivered")
            assert done.code == 0, done.said
            await until(lambda: len(web.taken["fails"]) == 1)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1"])
async def test_no_private_address_is_reached_whatever_the_name_resolves_to(broker: Client, address: str) -> None:
    js, web = broker.jetstream(timeout=10), Web()

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14", address]

    async with serving(web) as server:
        await saved_search.add(js, made("inside", "lock", f"http://hooks.example:{server.port}/inside", new_secret()))
        make = receiver(delays=(), allowed=(), resolve=resolve, ports=frozenset({server.port}))
        async with subscriptions(broker, make):
            await publish(broker, *articles(1))
            await until_true(lambda: any_letter(js))
    assert "which is not public" in (await letters_of(js))[0]["wireroom-detail"]
    assert not web.tries


async def test_a_withdrawn_article_is_neither_delivered_nor_left_in_the_stream(broker: Client) -> None:
    js, web = broker.jetstream(timeout=10), Web()
    web.behaviour["locks"] = fails
    [lock] = articles(1)
    async with serving(web) as server:
        await saved_search.add(js, made("locks", "lock", f"http://127.0.0.1:{server.port}/locks", new_secret()))
        async with subscriptions(broker) as works:
            await publish(broker, lock)
            await until(lambda: web.tries["locks"] > 0)
            await withdraw(js, Tombstone(id=lock.id, source=lock.source, reason="wrong", at=datetime.now(UTC)))
            await until(lambda: not works.matches.of("locks"))
            await until_true(lambda: answered(js, "webhook-locks"))
    for wanted in (Wanted(ids={lock.id}), Wanted(source=lock.source)):
        places = (await find(js, wanted, []))[lock.id].places
        assert {stream for stream, _ in places} == {"NEWS", "MATCHED"}, "the extracted article and its match"


async def test_searches_are_saved_listed_and_removed_by_command(
    broker: Client, settings: Settings, tmp_path: Path
) -> None:
    wireroom = command_of(settings, tmp_path)
    key = new_secret()
    (tmp_path / "key").write_text(key + "\n")
    hook = ("--webhook", "https://hooks.example/in")
    assert (await wireroom("desk", "watch", "ls")).code == 0
    assert (
        await wireroom("desk", "watch", "add", "banks", "entity:Aldercroft", *hook, "--secret-file", "key")
    ).code == 0
    printed = await wireroom("desk", "watch", "add", "locks", "lock", *hook)
    assert (printed.code, len(key_of(printed.out.strip()))) == (0, 32)
    listed = await wireroom("desk", "watch", "ls", "--json")
    assert [(line["name"], line["query"]) for line in listed.lines] == [
        ("banks", "entity:Aldercroft"),
        ("locks", "lock"),
    ]
    assert key not in listed.said
    assert printed.out.strip() not in (await wireroom("desk", "watch", "ls")).said
    assert (await saved_search.BUCKET.all(broker.jetstream())).values["banks"].key == key_of(key)

    wrong: list[tuple[tuple[str, ...], int, str]] = [
        (("add", "locks", "lock"), 1, "already"),
        (("add", "x", "ttle:lock"), 2, "did you mean title:"),
        (("add", "x", " "), 2, "matches every article"),
        (("add", "x", "lock", "--webhook", "ftp://a.example"), 2, "http and https"),
        (("add", "x", "lock", "--secret-file", "key"), 2, "--webhook"),
        (("add", "x", "lock", *hook, "--secret-file", "nowhere"), 65, "cannot be read"),
        (("rm", "nobody"), 1, "no saved search"),
    ]
    for arguments, code, said in wrong:
        done = await wireroom("desk", "watch", *arguments)
        text = " ".join(done.said.replace("│", " ").split())  # as a terminal shows it, in a box
        assert (done.code, said in text) == (code, True), text
    (tmp_path / "key").write_text("weak")
    assert (await wireroom("desk", "watch", "add", "x", "lock", *hook, "--secret-file", "key")).code == 65
    assert (await wireroom("desk", "watch", "rm", "locks")).code == 0
    assert "locks" not in (await saved_search.BUCKET.all(broker.jetstream())).values
