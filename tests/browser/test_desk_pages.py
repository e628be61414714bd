"""The desk's pages in a real browser: search, facets, article, toggles, live numbers, dead letters, keys, axe."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pymongo import MongoClient

from services.store.documents import document, history_document
from services.store.schema import ARTICLES, VERSIONS
from shared.settings import Settings
from tests.desk import published_messages
from tests.desk.invented_articles import articles
from tests.desk.page_server import TOKEN, engine_of, serving
from tests.desk.published_messages import elsewhere

CORPUS = tuple(articles(240, last=datetime.now(UTC) - timedelta(minutes=10)))
NEWEST = CORPUS[-1]
BEFORE = NEWEST.model_copy(
    update={"version": 1, "content_hash": "0" * 64, "paragraphs": (*NEWEST.paragraphs[:2], "Nobody was asked.")}
)


@pytest.fixture(scope="module")
def letter(nats_url: str) -> int:
    return elsewhere(published_messages.publish(nats_url, b'{"source": "harbour-gazette", "body": "The lock opened."}'))


@pytest.fixture(scope="module")
def desk(browser: Browser, folder: Path, nats_url: str, mongo_url: str, letter: int) -> Iterator[str]:
    """A desk with 240 articles; the newest has an older version, and there is one dead letter."""
    assert browser
    assert letter
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        settings = Settings(nats_url=nats_url, mongo_url=mongo_url, mongo_database="desk_pages")
        database = client[settings.mongo_database]
        database[ARTICLES].insert_one(document(NEWEST))
        database[VERSIONS].insert_one(history_document(BEFORE))
        with serving(engine_of(CORPUS, folder), settings, TOKEN) as running:
            yield running
        client.drop_database("desk_pages")


def total(page: Page) -> int:
    return int(page.locator(".results .bar-line b").first.inner_text().replace(",", ""))


def test_words_are_searched_and_facets_and_bars_narrow_the_hits(desk: str, page: Page) -> None:
    page.goto(desk)
    assert total(page) == len(CORPUS)
    page.get_by_role("searchbox").fill("strike")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(f"{desk}/?q=strike")
    found = total(page)
    assert 0 < found < len(CORPUS)
    page.locator(".facets").get_by_role("link", name=re.compile("^harbour-gazette")).click()
    narrowed = total(page)
    assert 0 < narrowed < found
    assert set(page.locator(".hits .meta span:first-child").all_inner_texts()) == {"harbour-gazette"}
    page.locator(".histogram a").first.click()
    assert 0 < total(page) < narrowed
    page.get_by_role("link", name="clear all").click()
    assert total(page) == len(CORPUS)


def test_a_query_that_cannot_be_read_is_told_beside_the_box(desk: str, page: Page) -> None:
    answer = page.goto(f"{desk}/?q=strike&since=yesterday")
    assert answer
    assert answer.status == 400
    expect(page.get_by_role("alert")).to_contain_text("write a date such as 2026-03-01")
    expect(page.get_by_role("searchbox")).to_have_value("strike")


def test_all_hits_are_a_file_with_the_filters_of_the_page(desk: str, page: Page) -> None:
    page.goto(f"{desk}/?source=tide-times")
    shown, link = total(page), page.get_by_role("link", name=".csv").get_attribute("href")
    rows = list(csv.DictReader(io.StringIO(page.request.get(f"{desk}{link}").text())))
    assert {row["source"] for row in rows} == {"tide-times"}
    assert len(rows) == shown > 20
    lines = page.request.get(f"{desk}{link}".replace(".csv", ".jsonl")).text().splitlines()
    whole = page.request.get(f"{desk}{link}".replace(".csv", ".json")).json()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows]
    assert [item["id"] for item in whole["items"]] == [row["id"] for row in rows]


def test_the_legend_hides_a_type_and_shows_what_was_removed_without_a_script(desk: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{desk}/a/{NEWEST.id}")
    label = page.locator(".ent.ORG > b").first
    expect(label).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("^ORG")).uncheck()
    expect(label).to_be_hidden()
    removed = page.get_by_text(NEWEST.removed[0].text)
    expect(removed).to_be_hidden()
    page.get_by_role("checkbox", name=re.compile("^removed")).check()
    expect(removed).to_be_visible()
    order = page.locator(".text").inner_text()
    first, second = (order.index(NEWEST.paragraphs[place][:5]) for place in (0, 1))
    assert order.index(NEWEST.removed[0].text) < first < order.index(NEWEST.removed[1].text) < second
    context.close()


def test_an_entity_jumps_to_its_mention_and_leads_to_its_page(desk: str, page: Page) -> None:
    page.goto(f"{desk}/a/{NEWEST.id}")
    entity = NEWEST.entities[0]
    assert page.locator("mark[id^='m0-']").count() == entity.count
    page.get_by_role("link", name=f"Mention 1 of {entity.name}").click()
    expect(page.locator("mark:target")).to_contain_text(entity.name)
    page.get_by_role("table").get_by_role("link", name=entity.name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(entity.name)
    named = sum(any(each.name == entity.name for each in article.entities) for article in CORPUS)
    expect(page.locator("main")).to_contain_text(f"named in {named} articles")


def test_versions_show_what_changed_word_by_word(desk: str, page: Page) -> None:
    page.goto(f"{desk}/a/{NEWEST.id}")
    page.get_by_role("link", name="What changed").click()
    expect(page.locator(".diff del", has_text="Nobody was asked.")).to_be_visible()
    assert page.locator(".diff ins").count() > 0


def test_keys_search_move_open_and_toggle(desk: str, page: Page) -> None:
    page.goto(f"{desk}/?q=strike")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    first = page.locator(".hits > li").first
    expect(first).to_have_class("current")
    expect(first.get_by_role("link").first).to_be_focused()
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(r"/a/[0-9a-f]{32}$"))
    page.keyboard.press("e")
    assert page.locator(".toggle-entity:checked").count() == 0
    page.keyboard.press("r")
    expect(page.locator(".removed").first).to_be_visible()
    page.keyboard.press("?")
    expect(page).to_have_url(f"{desk}/help#keys")


def test_new_articles_are_counted_as_they_come(desk: str, page: Page, nats_url: str) -> None:
    with page.expect_response("**/v1/stream*"):  # it is answered once the stream is followed
        page.goto(f"{desk}/?source=tide-times")
    pill = page.locator("#live")
    expect(pill).to_be_hidden()
    for source in ("tide-times", "harbour-gazette", "tide-times"):
        elsewhere(published_messages.extracted(nats_url, NEWEST.model_copy(update={"source": source})))
    expect(pill).to_have_text("2 new")


def test_the_pipeline_is_live(desk: str, page: Page, nats_url: str) -> None:
    page.goto(f"{desk}/pipeline")
    waiting = page.locator("[data-live='ingest.backlog']")
    before = int(waiting.inner_text())
    elsewhere(published_messages.submit(nats_url))
    expect(waiting).to_have_text(str(before + 1))
    expect(page.locator("#pipeline")).to_contain_text("live")


def refused(page: Page, address: str) -> bool:
    """Tell whether forms without the token against CSRF, and with a wrong one, are refused."""
    forms: tuple[dict[str, str | float | bool], ...] = ({}, {"csrf": "0" * 64})
    return [page.request.post(address, form=form).status for form in forms] == [403, 403]


def log_in(page: Page, desk: str, token: str) -> None:
    page.goto(f"{desk}/dead")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Begin a session").click()


def test_a_dead_letter_is_replayed_by_an_administrator_alone(desk: str, page: Page, nats_url: str, letter: int) -> None:
    page.goto(f"{desk}/dead")
    page.get_by_role("link", name="schema").click()
    page.get_by_role("link", name=str(letter), exact=True).click()
    expect(page.locator("#command")).to_have_text(f"wireroom dead replay {letter}")
    assert page.get_by_role("button", name="Replay it").count() == 0
    before = elsewhere(published_messages.messages(nats_url, "INBOX"))
    assert refused(page, f"{desk}/dead/{letter}/replay")
    log_in(page, desk, "not the token at all")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    log_in(page, desk, TOKEN)
    expect(page.get_by_text("You may replay")).to_be_visible()
    assert refused(page, f"{desk}/dead/{letter}/replay"), "also with a session"
    assert elsewhere(published_messages.messages(nats_url, "INBOX")) == before
    page.goto(f"{desk}/dead/{letter}")
    page.get_by_role("button", name="Replay it").click()
    expect(page.get_by_role("status")).to_contain_text("Replayed")
    assert elsewhere(published_messages.messages(nats_url, "INBOX")) == before + 1
    expect(page.locator("dl.facts")).to_contain_text("replayed since")
    page.get_by_text("Drop it", exact=True).click()
    page.get_by_role("button", name="Drop it for good").click()
    expect(page.get_by_text("No dead letters.")).to_be_visible()


PAGES = (
    *("/?size=3", "/?q=strike&size=3", "/?since=x", f"/a/{NEWEST.id}", f"/a/{NEWEST.id}/versions"),
    *("/e/ORG/Nordhavn%20Shipping", "/trends", "/pipeline", "/dead", "/help"),
    "/nowhere",
)


def test_pages_are_accessible_and_fit_a_phone(desk: str, page: Page, nats_url: str) -> None:
    number = elsewhere(published_messages.publish(nats_url, b"{"))
    page.set_viewport_size({"width": 390, "height": 800})
    for path in (*PAGES, f"/dead/{number}"):
        page.goto(f"{desk}{path}")
        found = Axe().run(page)
        assert not found.violations_count, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.locator("h1").count() == 1, path


def test_contrast_is_enough_in_the_dark_as_well(desk: str, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    for path in (
        "/?q=strike&size=3&source=tide-times",
        f"/a/{NEWEST.id}",
        f"/a/{NEWEST.id}/versions",
        "/dead/1",
        "/help",
    ):
        page.goto(f"{desk}{path}")
        found = Axe().run(page, options={"runOnly": ["color-contrast"]})
        assert not found.violations_count, f"{path}: {found.generate_report()}"
