"""Feeds of any size leave the event loop to others: no callback of a poll takes long, in processor time."""

import gzip
import json
from typing import cast

import pytest
from nats.js import JetStreamContext

from services.ingest.feeds import feed_poll, parser_process
from services.ingest.feeds.feed_poll import poll
from services.ingest.feeds.feed_reader import MAX_FEED
from services.ingest.feeds.feed_record import FeedRecord, SeenEntries
from services.ingest.feeds.poller import feed_tools, utc_now
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.guarded_http import FetchLimits, GuardedClient
from tests.feeds import feed_documents as documents
from tests.feeds.loop_probe import longest_callback
from tests.feeds.web_server import Answer, Request, serving
from wireroom.testing.fake_broker import FakeJetStream

LIMIT = 0.05  # seconds of processor that one callback may take
PATIENCE = 100.0
HOST = "http://127.0.0.1"


def long_texts() -> bytes:
    """Return a JSON feed of three articles of 1.9 MB."""
    text = "The lock reopened.\n\nIt was closed.\n\n" * 53_000
    items = [{"id": f"{number}", "url": f"{HOST}/{number}", "content_text": text} for number in range(3)]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


FEEDS: dict[str, bytes] = {
    "a compressed sitemap of 25,000 addresses": gzip.compress(
        documents.sitemap((f"{HOST}/{number}" for number in range(25_000)), utc_now().date().isoformat())
    ),
    "5,000 articles": documents.json_feed((f"{HOST}/{number}", f"Lock {number}") for number in range(5_000)),
    "long articles": long_texts(),
    "a large page": documents.rss([documents.item(f"{HOST}:PORT/page", text="")]),
}
PAGE = documents.page().replace(b"</p>", b"</p><p>The lock reopened." * 70_000)


@pytest.mark.parametrize("name", FEEDS)
async def test_no_feed_keeps_the_event_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process, "TIME_LIMIT", PATIENCE)
    monkeypatch.setattr(feed_poll, "_FEED", FetchLimits(max_bytes=MAX_FEED, total_seconds=PATIENCE))

    async def site(request: Request) -> Answer:
        if request.path == "/feed":
            return Answer(FEEDS[name].replace(b":PORT/", f":{server.port}/".encode()))
        return Answer(PAGE, headers={"Content-Type": "text/html"}) if request.path == "/page" else Answer(status=404)

    inbox = cast("JetStreamContext", FakeJetStream())
    gate = SubmissionGate(inbox, SourceQuotas(IngestSettings()), "feed")
    async with (
        serving(site) as server,
        feed_tools(
            (), "Wireroom", client=GuardedClient(allowed=["127.0.0.1"], phase_seconds=PATIENCE), pause=0
        ) as tools,
    ):
        now = utc_now()
        record = FeedRecord(url=f"{HOST}:{server.port}/feed", source="gazette", added_at=now, next_poll=now)
        remembered = list[bytes]()

        async def remember(digests: bytes) -> None:
            remembered.append(digests)

        with longest_callback() as longest:
            result = await poll(tools, gate, record, SeenEntries(), remember)
    assert result.outcome == "new", result
    assert remembered
    assert longest.seconds < LIMIT, longest.what
