"""One article that arrives in every way is one document: the same id, title, date and text."""

import gzip
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from pymongo.database import Database

from services.ingest.feeds import registry
from services.ingest.feeds.feed_record import FeedRecord, TextFrom
from services.ingest.feeds.poller import Poller, feed_tools
from services.ingest.http import articles_api
from services.ingest.http.access_tokens import Tokens
from services.ingest.http.gateway import Gateway
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.guarded_http import GuardedClient
from shared.messages import ArticleExtracted
from shared.settings import Settings
from tests.archives.warc_files import record, response, written
from tests.commands import command_of
from tests.feeds import feed_documents as documents
from tests.feeds.web_server import Answer, Request, serving
from tests.running import everything, idle, read, running

LINK = "https://harbour-gazette.example/news/lock"
TITLE = "New lock opens at Tidewell after two years of works"
PUBLISHED = "2026-03-01T09:30:00+00:00"
PARAGRAPHS = (
    "Marta Quillfeather opened the new lock at Tidewell on Sunday, two years after the flood had carried it away.",
    "The works were carried out by Brackwater Engineering for nine million crowns. Quillfeather thanked the town.",
    "Barges will be able to pass from Monday, the canal board said, and the swing bridge beside it follows in autumn.",
)
TEXT = "\n\n".join(PARAGRAPHS)
CONTENT = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
PAGE = f"""<html lang="en"><head><title>{TITLE}</title><link rel="canonical" href="{LINK}">
<meta name="author" content="Odile Farrow"><meta property="article:published_time" content="{PUBLISHED}"></head>
<body><article><h1>{TITLE}</h1>{CONTENT}</article></body></html>"""
SUBMISSION = {"source": "local", "url": LINK, "title": TITLE, "published_at": PUBLISHED, "body": TEXT}
NINJS = {
    "uri": LINK,
    "type": "text",
    "headlines": [{"role": "main", "value": TITLE}],
    "bodies": [{"contentType": "application/xhtml+xml", "value": CONTENT}],
    "by": "Odile Farrow",
    "firstCreated": PUBLISHED,
}
NITF = f"""<nitf><head><docdata><doc-id id-string="{LINK}"/><date.issue norm="20260301T093000Z"/></docdata></head>
<body><body.head><hedline><hl1>{TITLE}</hl1></hedline><byline>By Odile Farrow</byline></body.head>
<body.content>{CONTENT}</body.content></body></nitf>"""
NEWSML = f"""<newsItem xmlns="http://iptc.org/std/nar/2006-10-01/" guid="{LINK}"><itemMeta>
<itemClass qcode="ninat:text"/><firstCreated>{PUBLISHED}</firstCreated></itemMeta><contentMeta>
<by>Odile Farrow</by><headline>{TITLE}</headline></contentMeta><contentSet>
<inlineXML><html><body>{CONTENT}</body></html></inlineXML></contentSet></newsItem>"""


def mail() -> bytes:
    made = EmailMessage()
    made["Subject"], made["Date"] = TITLE, "Sun, 01 Mar 2026 10:30:00 +0100"
    made["Message-ID"], made["Archived-At"] = "<1@harbour-gazette.example>", f"<{LINK}>"
    made.set_content(TEXT)
    made.add_alternative(PAGE, subtype="html")
    return made.as_bytes()


def files(folder: Path) -> list[Path]:
    """Write the article in every format that `wireroom publish` reads."""
    csv = f'link,headline,text,date\n{LINK},"{TITLE}","{TEXT}",{PUBLISHED}\n'
    contents: dict[str, bytes] = {
        "article.json": json.dumps(SUBMISSION, indent=1).encode(),
        "article.jsonl.gz": gzip.compress(json.dumps(SUBMISSION).encode() + b"\n"),
        "ninjs.json": json.dumps(NINJS).encode(),
        "nitf.xml": NITF.encode(),
        "newsml.xml": NEWSML.encode(),
        "mail.eml": mail(),
        "mail.mbox": b"From news Sun Mar  1 10:30:00 2026\n" + mail(),
        "table.csv": csv.encode(),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    page = record("response", LINK, response(PAGE.encode(), kind="text/html; charset=utf-8"))
    return [*(folder / name for name in contents), written(folder / "crawl.warc.gz", [page])]


POSTS: list[tuple[str, str | bytes, dict[str, str]]] = [
    ("text/plain", TEXT, {"url": LINK, "title": TITLE, "published_at": PUBLISHED}),
    ("text/html", PAGE, {"url": LINK}),
    ("application/json", json.dumps(SUBMISSION), {}),
    ("application/x-ndjson", json.dumps(SUBMISSION), {}),
    ("application/ninjs+json", json.dumps(NINJS), {}),
    ("application/nitf+xml", NITF, {}),
    ("application/vnd.iptc.g2.newsitem+xml", NEWSML, {}),
    ("application/xml", NEWSML, {}),
]


def feeds(base: str) -> dict[str, bytes]:
    """Return feeds with the article by their paths: its whole text, a summary that leads to its page, a sitemap."""
    page, creator = f"{base}/news/lock", '<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">Odile Farrow'
    about = {"title": TITLE, "date": "Sun, 01 Mar 2026 10:30:00 +0100", "more": f"{creator}</dc:creator>"}
    return {
        "/whole.xml": documents.rss([documents.item(LINK, text="</p><p>".join(PARAGRAPHS), **about)]),
        "/summaries.xml": documents.rss([documents.item(page, text="", **about)]),
        "/sitemap.xml": documents.sitemap([page], PUBLISHED).replace(b"Harbour reopens", TITLE.encode()),
    }


async def poll_feeds(js: JetStreamContext) -> int:
    """Poll each feed once, from a server that has the page too, and return how many there are."""

    async def site(request: Request) -> Answer:
        found = feeds(f"http://{request.host}:{server.port}") | {"/news/lock": PAGE.encode()}
        kind = "text/html" if request.path == "/news/lock" else "application/xml"
        known = request.path in found
        return Answer(found.get(request.path, b""), 200 if known else 404, {"Content-Type": f"{kind}; charset=utf-8"})

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with serving(site) as server:
        now = datetime.fromisoformat(PUBLISHED) + timedelta(days=1)
        for path in feeds(""):
            url = f"http://harbour-gazette.example:{server.port}{path}"
            text_from: TextFrom = "entry" if path == "/whole.xml" else "auto"
            record = FeedRecord(url=url, source="local", text_from=text_from, added_at=now, next_poll=now)
            await registry.add(js, record)
        client = GuardedClient(allowed=["127.0.0.1"], resolve=resolve)
        async with feed_tools((), "Wireroom", client=client, pause=0, now=lambda: now) as tools:
            gate = SubmissionGate(js, SourceQuotas(IngestSettings()), "feed")
            results = await Poller(registry.Registry(js, "one"), tools, gate).run_due()
    for name in results:
        await registry.remove(js, name)  # before ingest polls them too
    assert [result.articles for result in results.values()] == [{"published": 1}] * len(feeds(""))
    return len(results)


@pytest.fixture
async def client(broker: Client) -> AsyncIterator[httpx.AsyncClient]:
    js = broker.jetstream(timeout=10)
    gate = Gateway(SubmissionGate(js, SourceQuotas(IngestSettings()), "http"), Tokens(js), open_to_all=True)
    transport = httpx.ASGITransport(articles_api.create_app(gate))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as made:
        yield made


async def test_an_article_that_comes_in_every_way_is_one_document(
    broker: Client, settings: Settings, database: Database[dict[str, Any]], client: httpx.AsyncClient, tmp_path: Path
) -> None:
    paths = files(tmp_path)
    columns = ["url=link", "title=headline", "body=text", "published_at=date"]
    options = [option for column in columns for option in ("--column", column)]
    polled = await poll_feeds(broker.jetstream(timeout=30))
    async with running(*everything(), settings=settings):
        answer = await command_of(settings)("publish", *map(str, paths), *options)
        assert answer.out == f"acknowledged {len(paths)}\n", answer.said
        for kind, body, query in POSTS:
            posted = await client.post(
                "/v1/articles", content=body, headers={"content-type": kind}, params={"source": "local"} | query
            )
            assert posted.status_code == 202, posted.text
        found = await read(broker, "NEWS", "news.v1.extracted.>", len(paths) + len(POSTS) + polled)
        extracted = [ArticleExtracted.model_validate_json(message.data) for message in found]
        await idle(broker, "NEWS", "store")
    assert len({article.id for article in extracted}) == 1
    assert {article.title for article in extracted} == {TITLE}
    assert {article.published_at for article in extracted} == {datetime.fromisoformat(PUBLISHED)}
    assert {article.paragraphs for article in extracted} == {PARAGRAPHS}
    assert {article.byline for article in extracted} <= {"Odile Farrow", None}
    assert sum(article.byline is not None for article in extracted) == 14, "plain text has no authors"
    [stored] = database["articles"].find()
    assert (stored["_id"], stored["title"]) == (extracted[0].id, TITLE)
    assert stored["published_at"] == datetime.fromisoformat(PUBLISHED)


async def test_a_kill_withdraws_the_article_wherever_it_comes_in(
    broker: Client, settings: Settings, database: Database[dict[str, Any]], client: httpx.AsyncClient, tmp_path: Path
) -> None:
    items = [NINJS | {"uri": f"urn:newsml:hg.example:{n}", "source": "local"} for n in (1, 2)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    command = command_of(settings)
    async with running(*everything(), settings=settings):
        assert (await command("publish", str(tmp_path / "items.jsonl"))).code == 0
        await read(broker, "NEWS", "news.v1.stored.>", 2)
        kill = tmp_path / "kill.json"
        kill.write_text(json.dumps({"uri": items[0]["uri"], "pubStatus": "canceled"}))
        assert (await command("publish", str(kill), "--wait")).code == 0
        posted = await client.post(
            "/v1/articles?source=local",
            json={"uri": items[1]["uri"], "pubstatus": "canceled"},
            headers={"content-type": "application/ninjs+json"},
        )
        assert posted.status_code == 202, posted.text
        await read(broker, "NEWS", "news.v1.withdrawn.>", 2)
        await idle(broker, "NEWS", "store")
        assert database["articles"].count_documents({}) == 0
        link = {"uri": LINK, "pubstatus": "canceled"}
        headers = {"content-type": "application/ninjs+json"}
        posted = await client.post("/v1/articles?source=local", json=link, headers=headers)
        assert (posted.status_code, posted.json()["reason"]) == (422, "schema")
