"""Two hundred feeds of every kind, on loopback: each ends in the state it should, and no article is published twice."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.ingest.feeds import feed_poll, parser_process, registry
from services.ingest.feeds.feed_input import feed_input
from services.ingest.feeds.feed_record import FeedRecord, feed_id
from services.ingest.feeds.poller import LEASE, Poller, feed_tools
from services.ingest.feeds.registry import Registry
from services.ingest.identity import article_id
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.errors import WrongSetting
from shared.guarded_http import GuardedClient
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.runtime.run import load
from shared.settings import Settings
from tests.feeds import feed_documents as documents
from tests.feeds.web_server import Answer, Request, WebServer, serving
from tests.running import running
from wireroom.testing.fake_broker import FakeJetStream

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
XML = {"Content-Type": "application/rss+xml"}
PATIENCE = 110.0  # seconds, of the feeds that are held and of those who wait


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Site:
    """Answers by kind, the first label of the host name; ``held`` keeps slow feeds waiting."""

    port: int = 0
    held: asyncio.Event = field(default_factory=asyncio.Event)
    round: int = 0

    async def __call__(self, request: Request) -> Answer:
        kind = request.host.partition("-")[0]
        base = f"http://{request.host}:{self.port}"
        if kind == "slow":
            await self.held.wait()
        if request.path == "/robots.txt":
            return Answer(b"User-agent: *\nDisallow: /\n") if kind == "forbidden" else Answer(status=404)
        if request.path.startswith("/page"):
            return Answer(documents.page(f"{base}{request.path}"), headers={"Content-Type": "text/html"})
        made = self._answers(base, request).get(kind)
        return made() if made else Answer(documents.rss([documents.item(f"{base}/a")]), headers=XML)

    def _answers(self, base: str, request: Request) -> dict[str, Callable[[], Answer]]:
        links = [(f"{base}/{number}", f"Harbour {number}") for number in range(3)]
        full = documents.rss([documents.item(link, title=title) for link, title in links])
        short = documents.rss([documents.item(f"{base}/page{number}", text="") for number in range(2)])
        known = request.headers.get("if-none-match") == '"v1"'
        to = Answer  # a redirect: status and Location
        private = f"http://metadata.example:{self.port}/latest"
        moved = request.path == "/new"
        dated = [
            documents.item(f"{base}/{number}", title=f"Day {number}", date=date) for number, date in enumerate(DATES)
        ]
        many = ((f"{base}/{number}", f"N {number}") for number in range(5_000))
        renamed = [documents.item(f"{base}/{n}", title=f"T {n}", guid=f"{self.round}-{n}") for n in range(3)]
        latin = documents.rss([documents.item(f"{base}/a", title="Häfen schließen früh")]).decode().encode("latin-1")
        lures = [documents.item(link, text="") for link in (private, f"http://127.0.0.2:{self.port}/page")]
        day = NOON.date().isoformat()
        bomb = {**XML, "Content-Encoding": "gzip"}
        return {
            "rss": lambda: Answer(full, headers=XML),
            "atom": lambda: Answer(documents.atom(links)),
            "json": lambda: Answer(documents.json_feed(links), headers={"Content-Type": "application/feed+json"}),
            "gzip": lambda: Answer(gzip.compress(full), headers=bomb),
            "short": lambda: Answer(short, headers=XML),
            "forbidden": lambda: Answer(short, headers=XML),
            "sitemap": lambda: Answer(documents.sitemap([f"{base}/page1", f"{base}/page2"], day)),
            "index": lambda: (
                Answer(gzip.compress(documents.sitemap([f"{base}/page1"], day)))
                if request.path.endswith(".gz")
                else Answer(documents.sitemap_index([f"{base}/news.xml.gz"]))
            ),
            "etag": lambda: Answer(status=304) if known else Answer(full, headers={**XML, "ETag": '"v1"'}),
            "limited": lambda: Answer(status=429, headers={"Retry-After": "7200"}),
            "away": lambda: Answer(status=503),
            "lost": lambda: Answer(status=404),
            "gone": lambda: Answer(status=410),
            "moved": lambda: Answer(full, headers=XML) if moved else to(status=301, headers={"Location": "/new"}),
            "lent": lambda: Answer(full, headers=XML) if moved else to(status=302, headers={"Location": "/new"}),
            "loop": lambda: to(status=302, headers={"Location": request.path}),
            "inside": lambda: to(status=302, headers={"Location": private}),
            "linklocal": lambda: to(status=301, headers={"Location": "http://169.254.169.254/latest/meta-data"}),
            "file": lambda: to(status=301, headers={"Location": "file:///etc/passwd"}),
            "bomb": lambda: Answer(BOMB, headers=bomb),
            "entities": lambda: Answer(documents.ENTITY_BOMB, headers=XML),
            "outside": lambda: Answer(documents.OUTSIDE_ENTITY, headers=XML),
            "charset": lambda: Answer(latin, headers={"Content-Type": "application/rss+xml; charset=utf-8"}),
            "lure": lambda: Answer(documents.rss(lures), headers=XML),
            "dates": lambda: Answer(documents.rss(dated), headers=XML),
            "many": lambda: Answer(documents.json_feed(many)),
            "renamed": lambda: Answer(documents.rss(renamed), headers=XML),
            "page": lambda: Answer(documents.page(), headers={"Content-Type": "text/html"}),
            "empty": lambda: Answer(b"", headers=XML),
            "cut": lambda: Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n<rss"),
            "cached": lambda: Answer(full, headers={**XML, "Cache-Control": "max-age=10800"}),
        }


BOMB = gzip.compress(bytes(40_000_000))
DATES = (
    *("Sun, 01 Mar 2026 09:30:00 +0100", "Sun, 1 Mar 2026 08:30 GMT", "2026-03-01T09:30:00+01:00", "1 Mar 2026"),
    *("2026-03-01 08:30:00", "Sun Mar  1 08:30:00 2026", "20260301", "yesterday", "Sun, 31 Feb 2026 25:61:00 GMT"),
    *("Sun, 01 Mar 2099 09:30:00 GMT", "", "0000-00-00"),
)


@dataclass(frozen=True)
class Kind:
    """How many feeds of it, and where each ends after one poll."""

    count: int
    articles: int = 0
    failure: str = ""
    state: str = "active"


KINDS = {
    "rss": Kind(18, 3),
    "atom": Kind(12, 3),
    "json": Kind(12, 3),
    "gzip": Kind(6, 3),
    "short": Kind(8, 2),
    "forbidden": Kind(4),
    "sitemap": Kind(6, 2),
    "index": Kind(4, 1),
    "etag": Kind(10, 3),
    "limited": Kind(6, failure="http_429"),
    "away": Kind(6, failure="http_5xx"),
    "lost": Kind(4, failure="http_404"),
    "gone": Kind(4, state="gone"),
    "moved": Kind(8, 3),
    "lent": Kind(6, 3),
    "loop": Kind(4, failure="redirects"),
    "inside": Kind(6, failure="address"),
    "linklocal": Kind(4, failure="address"),
    "file": Kind(4, failure="bad_scheme"),
    "lure": Kind(2),
    "private": Kind(4, failure="address"),
    "nowhere": Kind(4, failure="dns"),
    "bomb": Kind(4, failure="bomb"),
    "entities": Kind(4, failure="malformed"),
    "outside": Kind(2, failure="malformed"),
    "charset": Kind(6, 1),
    "dates": Kind(4, len(DATES)),
    "many": Kind(1, 5_000),
    "renamed": Kind(6, 3),
    "page": Kind(4, failure="malformed"),
    "empty": Kind(2, failure="malformed"),
    "cut": Kind(4, failure="protocol"),
    "cached": Kind(6, 3),
    "slow": Kind(15, 1),
}


def hosts() -> dict[str, str]:
    """Return each feed's host with its kind."""
    return {f"{kind}-{number}.example": kind for kind, each in KINDS.items() for number in range(each.count)}


async def resolve(host: str, _port: int) -> list[str]:
    kind = host.partition("-")[0]
    if kind == "nowhere":
        raise OSError("no such name")
    if kind[0].isdigit():
        return [host]
    return {"private": ["10.0.0.7"], "metadata.example": ["127.0.0.2"]}.get(kind, ["127.0.0.1"])


@dataclass
class Rig:
    js: JetStreamContext
    site: Site
    server: WebServer
    clock: Clock
    inbox: FakeJetStream = field(default_factory=FakeJetStream)  # 5,000 articles take a disk seconds
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, host: str) -> str:
        return f"http://{host}:{self.server.port}/feed"

    def observe(self, what: str, label: str, number: int) -> None:
        self.counted[what, label] += number
        self.changed.set()

    def polls(self) -> int:
        return sum(number for (what, _), number in self.counted.items() if what == "poll")

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not done():
                self.changed.clear()
                await self.changed.wait()

    async def add(self, host: str) -> str:
        record = FeedRecord(url=self.url(host), source=host.removesuffix(".example"), added_at=NOON, next_poll=NOON)
        assert await registry.add(self.js, record)
        return feed_id(record.url)

    @asynccontextmanager
    async def poller(self, holder: str) -> AsyncIterator[Poller]:
        client = GuardedClient(allowed=["127.0.0.1"], resolve=resolve, phase_seconds=PATIENCE)
        async with feed_tools((), "Wireroom/1", client=client, pause=0, now=self.clock) as tools:
            options = IngestSettings(source_articles=100_000)
            gate = SubmissionGate(cast("JetStreamContext", self.inbox), SourceQuotas(options), "feed")
            yield Poller(Registry(self.js, holder), tools, gate, self.observe)

    async def records(self) -> dict[str, FeedRecord]:
        return (await registry.everything(self.js)).values

    def articles(self) -> list[ArticleSubmitted]:
        """Return what was published since the last time."""
        taken, self.inbox.published = self.inbox.published, []
        return [ArticleSubmitted.model_validate_json(each.data) for each in taken]


@pytest.fixture
async def rig(broker: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    patient = replace(feed_poll._FEED, total_seconds=PATIENCE)  # noqa: SLF001 - slow feeds wait for all the others here
    monkeypatch.setattr(feed_poll, "_FEED", patient)
    monkeypatch.setattr(parser_process, "TIME_LIMIT", PATIENCE)  # of a busy machine
    site = Site()
    async with serving(site) as server:
        site.port = server.port
        yield Rig(broker.jetstream(timeout=10), site, server, Clock())
        site.held.set()


async def test_two_hundred_feeds_end_in_the_state_they_should_and_two_replicas_share_them(rig: Rig) -> None:
    names = {await rig.add(host): host for host in hosts()}
    assert len(names) == 200
    fast = len(names) - KINDS["slow"].count - KINDS["many"].count
    async with rig.poller("one") as one, rig.poller("two") as two:
        async with asyncio.TaskGroup() as group:
            group.create_task(one.run_due())
            group.create_task(two.run_due())
            await rig.until(lambda: rig.polls() >= fast)  # while the slow ones are still waited for
            assert one.results
            assert two.results
            rig.site.held.set()
            await rig.until(lambda: rig.polls() == len(names))

        records = await rig.records()
        wrong = {
            host: (records[name].state, records[name].last_failure, records[name].articles)
            for name, host in names.items()
            if not _as_expected(records[name], KINDS[hosts()[host]])
        }
        assert not wrong
        assert all(not record.holder for record in records.values())
        feeds = Counter(each.host for each in rig.server.asked if each.path == "/feed")
        assert {host: n for host, n in feeds.items() if n > 1 and not host.startswith("loop")} == {}
        assert not [each for each in rig.server.asked if each.host in {"metadata.example", "127.0.0.2"}]

        articles = rig.articles()
        ids = Counter(each.url if each.source == "many-0" else article_id(each) for each in articles)
        assert ids.most_common(1)[0][1] == 1
        assert len(articles) == sum(kind.count * kind.articles for kind in KINDS.values())
        _check_metadata(articles)

        rig.site.round = 1
        rig.clock.forward(24 * 3600)
        await one.run_due()
        later = await rig.records()
        by_host = {host: later[name] for name, host in names.items()}
        assert rig.articles() == []  # changed guids, and all the rest, are known
        known = [each for each in rig.server.asked if each.headers.get("if-none-match") == '"v1"']
        assert len(known) == KINDS["etag"].count
        assert one.results[feed_id(rig.url("etag-0.example"))].outcome == "unchanged"
        assert by_host["limited-0.example"].last_poll == NOON + timedelta(seconds=24 * 3600)
        assert by_host["moved-0.example"].url.endswith("/new")
        assert by_host["lent-0.example"].url.endswith("/feed")
        assert by_host["inside-0.example"].state == "paused"  # twice is enough where a person has to look
        assert by_host["gone-0.example"].last_poll == NOON


def _as_expected(record: FeedRecord, kind: Kind) -> bool:
    failed = record.last_failure.partition(":")[0]
    return (record.state, failed, record.articles) == (kind.state, kind.failure, kind.articles)


def _check_metadata(articles: list[ArticleSubmitted]) -> None:
    of = {kind: [each for each in articles if each.source.startswith(f"{kind}-0")] for kind in KINDS}
    assert {each.title for each in of["charset"]} == {"Häfen schließen früh"}
    half_past_eight = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    dates = Counter(str(each.published_at and each.published_at.astimezone(UTC)) for each in of["dates"])
    assert dates[str(half_past_eight)] == 5
    assert dates["2026-03-01 00:00:00+00:00"] == 2
    assert dates["None"] == 5
    assert {each.published_at for each in of["json"]} == {half_past_eight}
    assert all('name="author" content="Ann Brekke"' in each.body for each in of["json"] + of["atom"])
    assert {each.tags for each in of["json"]} == {("harbour",)}
    assert all(each.media_type == "text/html" and "port authority" in each.body for each in articles)
    assert {each.language for each in of["sitemap"]} == {"en"}
    assert all(each.url and each.guid is None for each in articles)


async def test_a_killed_replica_keeps_its_feed_until_its_lease_ends_and_nothing_is_polled_twice_at_once(
    rig: Rig,
) -> None:
    name = await rig.add("slow-0.example")
    async with rig.poller("one") as one, rig.poller("two") as two:
        killed = asyncio.create_task(one.run_due())
        async with asyncio.timeout(30):
            while not rig.server.asked:
                await rig.server.arrived.wait()
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        rig.site.held.set()

        rig.clock.forward(LEASE - 1)
        assert await two.run_due() == {}
        assert len(rig.server.asked) == 1
        rig.clock.forward(2)
        assert (await two.run_due())[name].outcome == "new"
        assert len(rig.server.asked) == 2


async def test_a_poll_that_is_cut_off_after_publishing_publishes_the_same_message_again(
    rig: Rig, broker: Client
) -> None:
    """The broker keeps one of two messages with one id, so the article is there once."""
    await rig.add("rss-0.example")
    js = broker.jetstream(timeout=10)
    async with rig.poller("one") as one, rig.poller("two") as two:
        for poller in (one, two):
            poller.gate = SubmissionGate(js, SourceQuotas(IngestSettings()), "feed")
        one.registry = _KilledRegistry(rig.js, "one")
        with suppress(asyncio.CancelledError):
            await one.run_due()
        rig.clock.forward(LEASE + 1)
        (result,) = (await two.run_due()).values()
    assert result.articles == {"duplicate": 3}
    assert (await js.stream_info("INBOX")).state.messages == 3


class _KilledRegistry(Registry):
    async def remember(self, name: str, digests: bytes) -> None:  # noqa: ARG002 - as the registry
        raise asyncio.CancelledError


async def test_a_feed_that_is_paused_or_removed_while_it_is_polled_stays_so(rig: Rig) -> None:
    paused, removed = await rig.add("slow-0.example"), await rig.add("slow-1.example")
    async with rig.poller("one") as one:
        polling = asyncio.create_task(one.run_due())
        async with asyncio.timeout(30):
            while len(rig.server.asked) < 2:
                await rig.server.arrived.wait()
        await registry.change(rig.js, paused, lambda r: r.model_copy(update={"state": "paused", "why": "by hand"}))
        await registry.remove(rig.js, removed)
        rig.site.held.set()
        await polling
    records = await rig.records()
    assert set(records) == {paused}
    assert (records[paused].state, records[paused].why, records[paused].articles) == ("paused", "by hand", 1)


async def test_a_host_is_asked_two_at_a_time(rig: Rig) -> None:
    for number in range(6):
        record = FeedRecord(
            url=f"http://slow-0.example:{rig.server.port}/{number}", source="slow", added_at=NOON, next_poll=NOON
        )
        await registry.add(rig.js, record)
    async with rig.poller("one") as one:
        polling = asyncio.create_task(one.run_due())
        async with asyncio.timeout(30):
            while len(rig.server.asked) < 2:
                await rig.server.arrived.wait()
        rig.site.held.set()
        assert len(await polling) == 6
    assert rig.server.most["slow-0.example"] == 2


async def test_a_value_of_others_in_the_bucket_is_no_feed_and_stops_no_poll(rig: Rig) -> None:
    name = await rig.add("rss-0.example")
    bucket = await rig.js.key_value("feeds")
    for key, value in (("other", b"{]"), ("deep", b"[" * 5_000), ("a.b", b'{"url": 1}'), (name[:-1], b"\xff")):
        await bucket.put(key, value)
    async with rig.poller("one") as one:
        assert set(await one.run_due()) == {name}
        await bucket.put(name, b"null")
        await one.registry.refresh()
        assert not one.registry.records
    assert (await registry.everything(rig.js)).foreign == 5


async def test_ingest_polls_the_feeds_of_its_settings(
    rig: Rig, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "feeds.txt").write_text(f"http://127.0.0.1:{rig.server.port}/feed harbour-gazette\n", "utf-8")
    monkeypatch.setenv("WIREROOM_INGEST_FEEDS", str(tmp_path / "feeds.txt"))
    monkeypatch.setenv("WIREROOM_INGEST_FETCH_ALLOW", "127.0.0.0/8")
    raw = await rig.js.pull_subscribe("news.v1.raw.>", stream="RAW")
    async with running(load("ingest"), settings=settings):
        (message,) = await raw.fetch(1, timeout=60)
    article = ArticleIngested.model_validate_json(message.data)
    assert (article.source, article.title, article.media_type) == ("harbour-gazette", "Harbour reopens", "text/html")


async def test_a_list_of_feeds_that_cannot_be_read_ends_ingest_with_what_is_wrong(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "feeds.txt").write_text("https://a.example/f\nfile:///etc/passwd\n", "utf-8")
    monkeypatch.setenv("WIREROOM_INGEST_FEEDS", str(tmp_path / "feeds.txt"))
    with pytest.raises(WrongSetting, match=r"WIREROOM_INGEST_FEEDS.*line 2"):
        async with feed_input(settings, IngestSettings(), lambda *_: None):
            pass
