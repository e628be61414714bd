"""``wireroom feed`` against a broker and a web server of the test: what it adds, shows, polls and writes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nats.aio.client import Client

from services.ingest.feeds import registry
from shared.settings import Settings
from tests.commands import Wireroom, command_of
from tests.feeds import feed_documents as documents
from tests.feeds.web_server import Answer, Request, WebServer, serving

ESCAPE = "\u001b]0;owned\u0007"


@dataclass
class Desk:
    """The command, with loopback on its allow-list, and the address of a feed."""

    command: Wireroom
    server: WebServer
    broker: Client
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def feed(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/feed"


@pytest.fixture
async def desk(settings: Settings, broker: Client, tmp_path: Path) -> AsyncIterator[Desk]:
    items = [
        documents.item("/whole", title=f"Harbour [red] {ESCAPE} reopens", date="Sun, 01 Mar 2026 09:30:00 GMT"),
        documents.item("/page", title="In short", text=""),
    ]
    answers = {"/feed": Answer(documents.rss(items)), "/page": Answer(documents.page()), "/gone": Answer(status=410)}

    async def answer(request: Request) -> Answer:
        return answers.get(request.path, Answer(status=404))

    command = command_of(settings, tmp_path)
    command.environment["WIREROOM_INGEST_FETCH_ALLOW"] = "127.0.0.1"
    async with serving(answer) as server:
        yield Desk(command, server, broker, answers)


async def test_a_feed_is_checked_added_polled_paused_and_removed(desk: Desk) -> None:
    checked = await desk.command("feed", "check", desk.feed)
    assert checked.code == 0
    assert "whole, 1,3" in checked.out
    assert "from its page" in checked.out
    assert "\u001b" not in checked.said
    assert "Nothing was published." in checked.err
    js = desk.broker.jetstream(timeout=10)
    assert not (await registry.everything(js)).values

    added = await desk.command("feed", "add", desk.feed, "--source", "gazette")
    assert added.code == 0
    assert (await desk.command("feed", "add", desk.feed)).code == 1
    (name,) = (await registry.everything(js)).values
    assert name in added.err

    ran = await desk.command("feed", "run", name, "--json")
    assert ran.code == 0
    assert ran.lines == [
        {
            "v": 1,
            "id": name,
            "source": "gazette",
            "outcome": "new",
            "failure": "",
            "articles": {"published": 2},
        }
    ]
    assert (await js.stream_info("INBOX")).state.messages == 2
    assert (await desk.command("feed", "run")).err == "No feed was due.\n"
    again = await desk.command("feed", "run", desk.feed)
    assert "unchanged" in again.out
    assert (await js.stream_info("INBOX")).state.messages == 2

    (listed,) = (await desk.command("feed", "ls", "--json")).lines
    assert (listed["state"], listed["kind"], listed["articles"], listed["quiet_seconds"]) == ("active", "rss", 2, None)
    assert not {"etag", "holder"} & listed.keys()

    assert (await desk.command("feed", "pause", desk.feed, "--reason", f"by {ESCAPE}")).code == 0
    shown = await desk.command("feed", "ls")
    assert "paused: by" in shown.out
    assert "\u001b" not in shown.said
    assert (await desk.command("feed", "resume", name)).code == 0
    assert (await registry.everything(js)).values[name].state == "active"
    assert (await desk.command("feed", "rm", name)).code == 0
    assert (await desk.command("feed", "rm", name)).code == 1
    assert "There is no feed" in (await desk.command("feed", "ls")).err


async def test_a_feed_that_cannot_be_had_is_told_with_its_reason(desk: Desk) -> None:
    base = desk.feed.removesuffix("/feed")
    for url, said in (
        (f"{base}/page", "malformed"),
        (f"{base}/none", "http_404"),
        (f"{base}/gone", "gone for good"),
        ("http://169.254.169.254/feed", "WIREROOM_INGEST_FETCH_ALLOW"),
        ("file:///etc/passwd", "not fetched"),
    ):
        answer = await desk.command("feed", "check", url)
        assert answer.code == 65
        assert said in answer.err
    assert (await desk.command("feed", "add", "http://user:pw@a.example/")).code == 65
    assert (await desk.command("feed", "check", "0123456789ab")).code == 1
    await desk.command("feed", "add", f"{base}/none")
    ran = await desk.command("feed", "run")
    assert ran.code == 1
    assert "http_404" in ran.out
    await desk.command("feed", "add", "http://169.254.169.254/feed")
    assert (await desk.command("feed", "run")).code == 1
    listed = await desk.command("feed", "ls")
    assert "169.254.169.254 is an address which is not public" in listed.out
    assert "WIREROOM_INGEST_FETCH_ALLOW" in listed.err
    assert "feed resume" in listed.err


async def test_lists_are_imported_and_exported(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "feeds.txt").write_text("https://a.example/f harbour-gazette\nhttps://b.example/f\n", "utf-8")
    assert (await desk.command("feed", "import", "feeds.txt")).err == "2 feeds added, 0 there already.\n"
    exported = await desk.command("feed", "export")
    assert exported.out.startswith("<?xml")
    again = await desk.command("feed", "import", "-", stdin=exported.out.encode())
    assert again.err == "0 feeds added, 2 there already.\n"
    bomb = await desk.command("feed", "import", "-", stdin=documents.ENTITY_BOMB)
    assert (bomb.code, "entities are not read" in bomb.err) == (65, True)
    assert (await desk.command("feed", "import", "nowhere.opml")).code == 65


async def test_feeds_that_stopped_are_in_the_status_unless_a_person_paused_them(desk: Desk) -> None:
    await desk.command("feed", "add", desk.feed.replace("/feed", "/gone"), "--source", "gazette")
    await desk.command("feed", "add", desk.feed, "--source", "post")
    await desk.command("feed", "run")
    await desk.command("feed", "pause", desk.feed)
    checked = await desk.command("status", "--check")
    assert "1 feed is no longer polled (gazette). See `wireroom feed ls`." in checked.said
