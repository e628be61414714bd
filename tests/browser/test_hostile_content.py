"""An article, a dead letter and addresses full of markup and scripts: the desk shows them, and nothing in them runs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request
from pymongo import MongoClient

from services.store.documents import document, history_document
from services.store.schema import ARTICLES, VERSIONS
from shared.messages import ArticleExtracted, Caption, DroppedMention, Entity, Mention, Pipeline, Removed
from shared.settings import Settings
from tests.desk import published_messages
from tests.desk.page_server import TOKEN, engine_of, serving
from tests.desk.published_messages import elsewhere
from wireroom.testing.factories import an_extracted_article

SCRIPTS = (
    "<script>fired('script')</script>",
    "<img src=x onerror=fired('img')>",
    "\"><svg onload=fired('svg')>",
    "' onmouseover=fired('attribute') autofocus onfocus=fired('focus') x='",
    "</title></style></textarea><iframe srcdoc=\"<script>parent.fired('frame')</script>\"></iframe>",
    "{{ 7 * 7 }}{% raw %}${7*7}<base href=//evil.example/>",
    "javascript:fired('link')",
    "<style>@import '//evil.example/x.css'; body{display:none}</style><link rel=stylesheet href=//evil.example/y.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'><form action=//evil.example/><input name=csrf>",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}\x07\x1b]8;;http://evil.example/\x1b\\",
    "--><!--]]><![CDATA[<a href='data:text/html,<script>fired(1)</script>'>",
)
ALL = " ".join(SCRIPTS)
FIRED = """
    window.fired = (what) => { window.top.name += ` fired ${what}`; };
"""


def hostile(url: str = "javascript:fired('url')") -> ArticleExtracted:
    """Return an article with scripts in each field that its contract lets be any text."""
    text = ALL.replace("\n", " ")
    mentions = tuple(Mention(start=place, end=place + 9, text=ALL) for place in range(0, len(text) - 9, 7))
    entities = (
        Entity(name=ALL, label="ORG", count=len(mentions), aliases=SCRIPTS, mentions=mentions, identifier=ALL),
        *(Entity(name=each, label=each, count=1, mentions=mentions[:2]) for each in SCRIPTS),
    )
    return an_extracted_article(
        **dict.fromkeys(("title", "byline", "agency", "dateline", "guid"), ALL),
        url=url,
        published_at=datetime.now(UTC),
        tags=SCRIPTS,
        paragraphs=(text, *SCRIPTS),
        paragraph_lines=tuple(range(2, 2 + len(SCRIPTS) + 1)),
        captions=(Caption(text=ALL, credit=ALL),),
        removed=tuple(Removed(text=each, rule=ALL, line=line) for line, each in enumerate(SCRIPTS, 1)),
        entities=entities,
        dropped_entities=(DroppedMention(start=0, end=3, text=ALL, label=ALL, rule=ALL),),
        pipeline=Pipeline(wireroom=ALL, rules=ALL, model=ALL),
    )


ARTICLE = hostile()
OLDER = hostile("data:text/html,<script>fired('data')</script>").model_copy(
    update={"id": ARTICLE.id, "content_hash": "0" * 64, "paragraphs": SCRIPTS[::-1], "title": ALL[::-1]}
)
PATHS = (
    *("/", f"/?q={quote(ALL)}", f"/?source={quote(ALL)}&since={quote(ALL)}", f"/?q=title:{quote(SCRIPTS[2])}"),
    *(f"/?entity={quote(ALL)}&agency={quote(ALL)}", f"/a/{ARTICLE.id}", f"/a/{ARTICLE.id}/versions"),
    *(f"/a/{quote(ALL, safe='')}", f"/a/{ARTICLE.id}?version={quote(ALL)}", f"/e/ORG/{quote(ALL, safe='')}"),
    *(f"/e/{quote(ALL, safe='')}/{quote(SCRIPTS[0], safe='')}", "/trends", f"/trends?label={quote(ALL)}"),
    *("/pipeline", "/dead", f"/dead?reason={quote(ALL)}", "/dead/1", f"/dead/1?done={quote(ALL)}"),
    f"/{quote(ALL, safe='')}",
)


@pytest.fixture(scope="module")
def desk(browser: Browser, folder: Path, nats_url: str, mongo_url: str) -> Iterator[str]:
    assert browser
    detail = ALL.encode("ascii", "replace").decode().translate(dict.fromkeys(range(32), " "))
    elsewhere(published_messages.publish(nats_url, ALL.encode() + bytes(range(256)), detail=detail))
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        settings = Settings(nats_url=nats_url, mongo_url=mongo_url, mongo_database="desk_hostile")
        database = client[settings.mongo_database]
        newer = ARTICLE.model_copy(update={"version": 2})
        database[ARTICLES].insert_one(document(newer))
        database[VERSIONS].insert_one(history_document(OLDER))
        with serving(engine_of([newer], folder), settings, TOKEN) as url:
            yield url
        client.drop_database("desk_hostile")


def watched(page: Page) -> list[str]:
    """Return the list into which whatever runs, asks or leads away is written."""
    found: list[str] = []

    def dialog(shown: Dialog) -> None:
        found.append(f"dialog {shown.message}")
        shown.dismiss()

    def request(sent: Request) -> None:
        if "evil.example" in urlsplit(sent.url).netloc:
            found.append(f"request {sent.url}")

    page.add_init_script(FIRED)
    page.on("dialog", dialog)
    page.on("request", request)
    page.on("pageerror", lambda error: found.append(f"error {error}"))
    return found


def happened(page: Page, found: list[str]) -> list[str]:
    return [*found, *page.evaluate("violations.concat(top.name ? [top.name] : [])")]


def test_nothing_in_articles_letters_or_addresses_runs(desk: str, page: Page) -> None:
    found = watched(page)
    for path in PATHS:
        page.goto(f"{desk}{path}")
        for box in page.get_by_role("checkbox").all():
            box.click()
        assert happened(page, found) == [], path
        origins = page.eval_on_selector_all(
            "a", "all => all.map(a => new URL(a.getAttribute('href'), location).origin)"
        )
        assert set(origins) == {desk}, path
        assert page.title().endswith(" · Wireroom"), path


def test_an_article_links_to_http_addresses_alone(desk: str, page: Page) -> None:
    page.goto(f"{desk}/a/{ARTICLE.id}")
    assert page.get_by_text("javascript:fired('url')").count() == 1
    assert page.get_by_role("link", name="fired('url')").count() == 0


def test_bytes_of_a_letter_and_raw_forms_are_files_that_no_browser_renders(desk: str, page: Page) -> None:
    answer = page.request.get(f"{desk}/dead/1.txt")
    assert answer.body() == ALL.encode() + bytes(range(256))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/octet-stream"


def test_the_watch_sees_a_script_that_the_policy_stops_and_one_that_runs(desk: str, page: Page) -> None:
    found = watched(page)
    page.goto(f"{desk}/help")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\" onclick=\"fired(1)\">x</p>')")
    assert any("style" in each for each in happened(page, found))
    page.evaluate("fired('by a test')")
    assert any("fired by a test" in each for each in happened(page, found))
