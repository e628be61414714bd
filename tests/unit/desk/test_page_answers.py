"""Answers of the desk's pages without a browser: files, errors that say what to do, sessions, and what is absent."""

import asyncio
import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from services.desk.access import Access, AccessMiddleware
from services.desk.pages.administration import Administration
from services.desk.pages.handlers.dead_letter_pages import hex_lines
from services.desk.pages.list_formats import listing
from services.desk.pages.page_renderer import age, commands, outbound
from services.desk.pages.page_sources import Sources
from services.desk.pages.routes import error_handlers, routes
from tests.desk.invented_articles import articles
from tests.desk.page_server import engine_of
from wireroom.testing.factories import an_extracted_article

CORPUS = tuple(articles(40))
TOKEN = "the administrator of a test"  # noqa: S105


@dataclass
class Client:
    """Asks an application of this process."""

    application: Starlette

    def get(self, path: str) -> httpx.Response:
        return self.ask("GET", path, follow_redirects=True)

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.application, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **request)

        return asyncio.run(asked())

    def post(self, path: str, form: str, **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, content=form.encode(), headers=given)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A desk without a broker and without a database."""
    linked = an_extracted_article(id="f" * 32, url="https://news.example/a?b=1&c=<2>", title="=cmd|' /C calc'!A0")
    engine = engine_of((*CORPUS, linked), tmp_path_factory.mktemp("index"))
    sources = Sources(administration=Administration(TOKEN))
    access = Middleware(AccessMiddleware, access=Access(open_to_all=True))
    web = Starlette(routes=routes(engine, sources), middleware=[access], exception_handlers=error_handlers())
    return Client(web)


@pytest.mark.parametrize("path", ["/", "/help", "/trends", f"/a/{CORPUS[0].id}", "/e/ORG/Aldercroft%20Bank"])
def test_what_needs_only_the_index_is_there_without_broker_and_database(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/pipeline", "The broker (NATS) does not answer."),
        ("/dead", "The broker (NATS) does not answer."),
        (f"/a/{CORPUS[0].id}/raw", "The broker (NATS) does not answer."),
        (f"/a/{CORPUS[0].id}/versions", "The database (MongoDB) does not answer."),
    ],
)
def test_what_needs_more_is_503_and_says_what_to_do(client: Client, path: str, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert says in answer.text
    assert "<code>wireroom doctor</code>" in answer.text


def test_what_is_not_there_is_404_as_a_page_and_as_problem_details(client: Client) -> None:
    for path in ("/nowhere", "/a/xyz", f"/a/{'0' * 32}", "/e/ORG/Nobody"):
        answer = client.get(path)
        assert (answer.status_code, "<h1>Not" in answer.text) == (404, True), path
    problem = client.get(f"/a/{'0' * 32}.json")
    assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")


def test_a_file_of_a_query_that_cannot_be_read_is_an_error_and_not_half_a_file(client: Client) -> None:
    answer = client.get("/search.csv?since=yesterday")
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


def test_trends_are_of_the_day_that_is_asked_for(client: Client) -> None:
    day = max(article.published_at for article in CORPUS if article.published_at).date()
    empty = client.get("/trends")
    assert f"day={day}" in empty.text
    rising = client.get(f"/trends.json?day={day}").json()["items"]
    assert rising
    assert all(item["now"] > item["expected"] for item in rising)
    assert client.get(f"/trends?day={day}&label=ORG").text.count("data-item") == sum(
        item["label"] == "ORG" for item in rising
    )
    assert client.get("/trends?day=x").status_code == 400


def test_a_trend_leads_to_the_articles_that_it_counts(client: Client) -> None:
    day = f"{CORPUS[-1].published_at:%Y-%m-%d}"
    rising = client.get(f"/trends.json?day={day}").json()["items"]
    links = re.findall(r'<td class="num"><a href="(/\?[^"]+)"', client.get(f"/trends?day={day}").text)
    assert rising
    for trend, link in zip(rising, links, strict=True):
        found = client.get(html.unescape(link).replace("/?", "/search.json?")).json()["items"]
        assert len(found) == trend["now"]


def test_an_entity_is_json_and_its_articles_are_a_search(client: Client) -> None:
    assert client.get("/e/ORG/Aldercroft%20Bank.json").json()["articles"] > 0
    rows = client.get("/e/ORG/Aldercroft%20Bank.jsonl").text.splitlines()
    assert len(rows) == client.get("/e/ORG/Aldercroft%20Bank.json").json()["articles"]


def test_a_link_to_the_article_tells_its_site_nothing(client: Client) -> None:
    page = client.get(f"/a/{'f' * 32}").text
    assert '<a href="https://news.example/a?b=1&amp;c=&lt;2&gt;" rel="noopener noreferrer nofollow">' in page


def test_no_cell_of_a_spreadsheet_is_a_formula(client: Client) -> None:
    rows = csv.DictReader(io.StringIO(client.get("/search.csv").text))
    assert "'=cmd|' /C calc'!A0" in {row["title"] for row in rows}


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//host/x", "http:x", "", "http://["])
def test_only_web_addresses_are_linked(address: str) -> None:
    assert outbound(address) is None


def test_a_session_needs_the_token_and_a_form_its_own(client: Client) -> None:
    right = f"token={TOKEN}"
    assert client.post("/dead/login", "token=wrong").status_code == 403
    assert client.post("/dead/login", right, origin="http://evil.example").status_code == 403
    assert client.post("/dead/login", right, sec_fetch_site="cross-site").status_code == 403
    answer = client.post("/dead/login", right, origin="null", sec_fetch_site="same-origin")
    assert answer.status_code == 303
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in answer.headers["set-cookie"].split(";")}
    session = answer.headers["set-cookie"].partition(";")[0]
    assert client.post("/dead/1/drop", "csrf=", cookie=session).status_code == 403
    forged = "wireroom_desk_administrator=9999999999.00.00"
    assert client.post("/dead/1/drop", "csrf=", cookie=forged).status_code == 403
    assert client.post("/dead/login", "x" * 5000).status_code == 413


def test_pages_change_nothing_without_a_token() -> None:
    assert not Administration().enabled
    with pytest.raises(ValueError, match="at least 16"):
        Administration("short")


def test_bytes_are_shown_in_hex_with_their_place() -> None:
    assert hex_lines(b"\x00<b>\xff" + b"A" * 12) == [
        ("00000000", "003c623e ff414141 41414141 41414141", "·<b>·AAAAAAAAAAA"),
        ("00000010", "41".ljust(35), "A"),
    ]


def test_commands_in_sentences_are_code_and_nothing_else_is_markup() -> None:
    assert commands("<b> run `wireroom <x>`.") == "&lt;b&gt; run <code>wireroom &lt;x&gt;</code>."


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "\N{EN DASH}"), (0.2, "< 1 s"), (59, "59 s"), (180, "3 min"), (9e4, "25 h")]
)
def test_lengths_of_time_have_one_unit(seconds: float | None, said: str) -> None:
    assert age(seconds) == said


def test_what_the_first_row_raises_is_raised_before_anything_is_sent() -> None:
    def rows() -> Iterator[dict[str, object]]:
        raise KeyError("first")
        yield {}

    with pytest.raises(KeyError):
        listing("json", "x", rows(), ())


def test_below_the_api_an_address_that_is_none_is_told_as_problem_details(client: Client) -> None:
    answer = client.get("/v1/entities/ORG/a%0Ab")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
