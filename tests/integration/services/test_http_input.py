"""POST /v1/articles: what is answered with 202 is on the broker's disk, and everything else says what to do."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.ingest.http import access_tokens, admission, articles_api, request_body
from services.ingest.http.access_tokens import Tokens
from services.ingest.http.gateway import Gateway
from services.ingest.http.listener import http_input
from services.ingest.identity import article_id
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.addresses.loopback import is_loopback
from shared.errors import WrongSetting
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.runtime.run import load
from shared.settings import Settings
from tests.commands import wireroom
from tests.running import read, running
from wireroom.local import ports

CUT_OFF = gzip.compress(b"x" * 1000, mtime=0)[:-5]  # without a time, so that every process names the test alike
ARTICLE = {
    "source": "harbour-gazette",
    "url": "https://gazette.example/lock-reopens",
    "title": "Lock reopens",
    "body": "The lock at Karsholm reopened on Monday after three weeks of repairs.",
}
JSON = {"content-type": "application/json"}


def gateway(js: JetStreamContext, articles: int = 1000, *, open_to_all: bool = False) -> Gateway:
    quotas = SourceQuotas(IngestSettings(source_articles=articles))
    return Gateway(SubmissionGate(js, quotas, "http"), Tokens(js), open_to_all)


def client_of(gate: Gateway, token: str = "") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(articles_api.create_app(gate), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://ingest", headers=headers)


def two(field: str, beginning: str) -> list[dict[str, str]]:
    return [ARTICLE | {field: f"{beginning}{number}"} for number in (1, 2)]


def event(article: dict[str, str]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": article.get("guid", "1"), "source": "/cms", "type": "article", "data": article}


@pytest.fixture
async def js(broker: Client) -> JetStreamContext:
    return broker.jetstream(timeout=10)


@pytest.fixture
async def client(js: JetStreamContext) -> AsyncIterator[httpx.AsyncClient]:
    token, _ = await access_tokens.add(js, "harbour-gazette")
    async with client_of(gateway(js), token) as made:
        yield made


async def stored(js: JetStreamContext) -> list[dict[str, Any]]:
    state = (await js.stream_info("INBOX")).state
    found = [await js.get_msg("INBOX", place) for place in range(max(state.first_seq, 1), state.last_seq + 1)]
    return [json.loads(message.data or b"") for message in found]


async def test_an_accepted_article_is_on_the_broker_and_has_its_final_id(
    client: httpx.AsyncClient, js: JetStreamContext
) -> None:
    answer = await client.post("/v1/articles", json=ARTICLE)
    assert answer.status_code == HTTPStatus.ACCEPTED
    (kept,) = await stored(js)
    assert kept == ARTICLE
    said = answer.json()
    assert said == {
        "id": article_id(ArticleSubmitted(**kept), verified=True),
        "version": said["version"],
        "duplicate": False,
    }
    assert (await js.get_msg("INBOX", said["version"])).data == json.dumps(ARTICLE, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps([ARTICLE, ARTICLE | {"url": "https://gazette.example/2"}])),
        (
            "application/x-ndjson",
            "\n".join(json.dumps(ARTICLE | {"url": f"https://gazette.example/{n}"}) for n in "12"),
        ),
        ("application/cloudevents-batch+json", json.dumps([event(each) for each in two("guid", "gazette-")])),
    ],
)
async def test_many_in_one_request_have_a_result_each(
    client: httpx.AsyncClient, js: JetStreamContext, kind: str, body: str
) -> None:
    answer = await client.post("/v1/articles", content=body, headers={"content-type": kind})
    assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
    said = answer.json()
    assert (said["accepted"], said["refused"]) == (2, 0)
    assert len({each["id"] for each in said["results"]}) == len(await stored(js)) == 2


async def test_one_bad_article_among_many_refuses_no_other(client: httpx.AsyncClient, js: JetStreamContext) -> None:
    many = [ARTICLE, ARTICLE | {"body": " "}, ARTICLE | {"titel": "x"}, 5, ARTICLE | {"url": "ftp://x"}]
    answer = await client.post("/v1/articles", json=many)
    said = answer.json()
    assert (answer.status_code, said["accepted"], said["refused"]) == (HTTPStatus.ACCEPTED, 1, 4)
    assert [each.get("reason") for each in said["results"]] == [
        None,
        "empty_body",
        "unknown_field",
        "schema",
        "bad_url",
    ]
    assert len(await stored(js)) == 1


async def test_html_text_cloud_events_and_ninjs_become_the_same_article(
    client: httpx.AsyncClient, js: JetStreamContext
) -> None:
    about = {"url": ARTICLE["url"], "title": ARTICLE["title"]}
    binary = {"ce-specversion": "1.0", "ce-id": "2", "ce-source": "/cms", "ce-type": "article", **JSON}
    ninjs_3 = {
        "uri": ARTICLE["url"],
        "type": "text",
        "headlines": [{"role": "sub", "value": "no"}, {"role": "main", "value": ARTICLE["title"]}],
        "bodies": [{"contentType": "text/plain", "value": ARTICLE["body"]}],
        "versionCreated": "2026-03-01T09:30:00Z",
        "subjects": [{"name": "Shipping"}],
    }
    ninjs_1 = {"uri": ARTICLE["url"], "pubstatus": "usable", "headline": ARTICLE["title"], "body_text": ARTICLE["body"]}
    requests: list[tuple[str | bytes, dict[str, str], dict[str, str]]] = [
        (ARTICLE["body"], {"content-type": "text/plain; charset=utf-8"}, about),
        (f"<p>{ARTICLE['body']}</p>", {"content-type": "text/html"}, about),
        (ARTICLE["body"].encode("utf-16"), {"content-type": "text/plain; charset=utf-16"}, about),
        (json.dumps(event(ARTICLE)), {"content-type": "application/cloudevents+json"}, {}),
        (json.dumps(ARTICLE), binary, {}),
        (json.dumps(ninjs_3), {"content-type": "application/ninjs+json"}, {}),
        (json.dumps(ninjs_1), JSON, {}),
    ]
    for body, headers, query in requests:
        answer = await client.post("/v1/articles", content=body, headers=headers, params=query)
        assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
    kept = await stored(js)
    assert {each["title"] for each in kept} == {ARTICLE["title"]}
    assert {each["source"] for each in kept} == {"harbour-gazette"}
    assert {each["url"] for each in kept} == {ARTICLE["url"]}
    assert {each["body"].removeprefix("<p>").removesuffix("</p>") for each in kept} == {ARTICLE["body"]}
    assert kept[5]["tags"] == ["Shipping"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason", "field"),
    [
        (b"{", JSON, 422, "not_json", None),
        (b"[]", JSON, 422, "empty_body", None),
        (json.dumps(ARTICLE | {"source": "Not A Slug"}).encode(), JSON, 422, "schema", "source"),
        (json.dumps(ARTICLE | {"source": "another"}).encode(), JSON, 422, "schema", "source"),
        (json.dumps(ARTICLE | {"published_at": "soon"}).encode(), JSON, 422, "schema", "published_at"),
        (json.dumps(ARTICLE | {"body": "x" * (2 * 1024 * 1024 + 1)}).encode(), JSON, 413, "too_large", "body"),
        (b"%PDF-1.7", {"content-type": "application/pdf"}, 415, None, None),
        (b"x", {"content-type": "text/plain; charset=utf-99"}, 415, "unsupported_media_type", None),
        (b"x", {"content-type": "text/plain; charset=undefined"}, 415, "unsupported_media_type", None),
        (b"a-" + b"b9" * 9**6, {"content-type": "text/plain; charset=punycode"}, 415, "unsupported_media_type", None),
        (b"Br\xfccke", {"content-type": "text/plain"}, 422, "not_utf8", None),
        (b"x", {"content-type": "text/plain", "content-encoding": "br"}, 415, None, None),
        (b"x", {"content-type": "text/plain", "content-encoding": "gzip"}, 422, None, None),
        (CUT_OFF, {"content-type": "text/plain", "content-encoding": "gzip"}, 422, None, None),
        (b"x", {"content-type": "text/plain", "content-length": "99999999999"}, 413, "too_large", None),
        (b'{"uri": "https://gazette.example/a", "pubstatus": "canceled"}', JSON, 422, "schema", "guid"),
        (b'{"uri": "a", "body_text": "x", "embargoed": "2999-01-01T00:00:00Z"}', JSON, 422, "embargoed", None),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><nitf/>', {"content-type": "application/nitf+xml"}, 422, "schema", None),
        (b"<rss/>", {"content-type": "application/xml"}, 415, "unsupported_media_type", None),
    ],
)  # fmt: skip
async def test_a_refusal_is_a_problem_with_its_reason_and_field(  # noqa: PLR0913, PLR0917 - a table
    client: httpx.AsyncClient, js: JetStreamContext, body: bytes, headers: dict[str, str], status: int,
    reason: str | None, field: str | None,
) -> None:  # fmt: skip
    answer = await client.post("/v1/articles", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    said = answer.json()
    assert (said["status"], said.get("reason"), said.get("field")) == (status, reason, field)
    assert await stored(js) == []


async def test_a_gzip_body_is_read_and_a_bomb_is_refused_before_it_is_in_memory(client: httpx.AsyncClient) -> None:
    headers = {"content-encoding": "gzip", **JSON}
    answer = await client.post("/v1/articles", content=gzip.compress(json.dumps(ARTICLE).encode()), headers=headers)
    assert answer.status_code == HTTPStatus.ACCEPTED
    bomb = gzip.compress(b" " * (request_body.MAX_REQUEST * 4))
    answer = await client.post("/v1/articles", content=bomb, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")


async def test_bodies_in_memory_are_bounded_over_all_requests_until_they_are_answered(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = gateway(js, open_to_all=True)
    publishing, go_on, publish = asyncio.Event(), asyncio.Event(), js.publish

    async def held(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as nats-py has it
        publishing.set()
        await go_on.wait()
        return await publish(*arguments, **options)

    monkeypatch.setattr(admission, "BYTES", 1500)
    monkeypatch.setattr(js, "publish", held)
    large = ARTICLE | {"body": ARTICLE["body"] * 12}
    async with client_of(gate) as client:
        first = asyncio.create_task(client.post("/v1/articles", json=large))
        await publishing.wait()
        second = await client.post("/v1/articles", json=large)
        go_on.set()
        assert (second.status_code, (await first).status_code) == (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.ACCEPTED)
        assert int(second.headers["retry-after"]) > 0
        assert (await client.post("/v1/articles", json=large)).status_code == HTTPStatus.ACCEPTED


async def test_the_same_idempotency_key_and_body_is_taken_once(client: httpx.AsyncClient, js: JetStreamContext) -> None:
    key = {"idempotency-key": "4711"}
    first = (await client.post("/v1/articles", json=ARTICLE, headers=key)).json()
    again = (await client.post("/v1/articles", json=ARTICLE, headers=key)).json()
    assert (again["version"], again["duplicate"]) == (first["version"], True)
    other = (await client.post("/v1/articles", json=ARTICLE | {"title": "Corrected"}, headers=key)).json()
    assert other["version"] > first["version"]
    without = (await client.post("/v1/articles", json=ARTICLE)).json()
    assert without["duplicate"] is False
    assert len(await stored(js)) == 3


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrt_000000000000_" + "x" * 43, "Basic dTpw", "Bearer \x7f"])
async def test_without_a_known_token_there_is_only_401(js: JetStreamContext, given: str) -> None:
    await access_tokens.add(js, "another")
    async with client_of(gateway(js, open_to_all=True)) as client:
        answer = await client.post("/v1/articles", content=b"\0", headers={"authorization": given} if given else {})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_token_publishes_for_its_source_alone_and_ends_with_its_revocation(js: JetStreamContext) -> None:
    token, record = await access_tokens.add(js, "harbour-gazette", "the CMS")
    kept = await js.get_last_msg("KV_tokens", f"$KV.tokens.{record.id}")
    assert token.encode() not in (kept.data or b"")
    assert token.rpartition("_")[2].encode() not in (kept.data or b"")
    async with client_of(gateway(js), token) as client:
        assert (await client.post("/v1/articles", json={"body": ARTICLE["body"]})).status_code == HTTPStatus.ACCEPTED
        assert (await client.post("/v1/articles", json=ARTICLE | {"source": "x"})).json()["field"] == "source"
    assert await access_tokens.revoke(js, record.id)
    assert not await access_tokens.revoke(js, record.id)
    async with client_of(gateway(js), token) as client:
        assert (await client.post("/v1/articles", json=ARTICLE)).status_code == HTTPStatus.UNAUTHORIZED


async def test_beyond_its_quota_a_source_is_told_to_wait(js: JetStreamContext) -> None:
    token, _ = await access_tokens.add(js, "harbour-gazette")
    async with client_of(gateway(js, articles=2), token) as client:
        codes = [(await client.post("/v1/articles", json=ARTICLE)).status_code for _ in range(3)]
        refused = await client.post("/v1/articles", json=ARTICLE)
    assert codes == [202, 202, 429]
    assert int(refused.headers["retry-after"]) > 0


async def test_a_broker_that_does_not_answer_is_503_and_the_same_request_is_safe_to_repeat(
    client: httpx.AsyncClient, js: JetStreamContext
) -> None:
    config = (await js.stream_info("INBOX")).config
    await js.delete_stream("INBOX")
    answer = await client.post("/v1/articles", json=ARTICLE, headers={"idempotency-key": "1"})
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert int(answer.headers["retry-after"]) > 0
    await js.add_stream(config)
    assert (await client.post("/v1/articles", json=ARTICLE, headers={"idempotency-key": "1"})).status_code == 202


async def test_the_port_opens_on_a_public_address_only_once_there_is_a_token(
    js: JetStreamContext, settings: Settings
) -> None:
    [port] = ports.free(1)
    url = f"http://127.0.0.1:{port}/v1/articles"
    options = IngestSettings(http_host="0.0.0.0", http_port=port)  # noqa: S104 - what is tested
    async with http_input(settings, options), httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(url, json=ARTICLE)
        token, _ = await access_tokens.add(js, "harbour-gazette")
        answer = await _when_open(client, url, token)
    assert answer.status_code == HTTPStatus.ACCEPTED


async def test_what_is_posted_to_the_service_is_stored_by_the_pipeline(
    broker: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    [port] = ports.free(1)
    monkeypatch.setenv("WIREROOM_INGEST_HTTP_PORT", str(port))
    async with running(load("ingest"), settings=settings), httpx.AsyncClient() as client:
        answer = await _when_open(client, f"http://127.0.0.1:{port}/v1/articles", "")
        [raw] = await read(broker, "RAW", "news.v1.raw.>", 1)
    assert (raw.headers or {})["ce-origin"] == "http"
    found = ArticleIngested.model_validate_json(raw.data)
    assert (found.id, found.version) == (answer.json()["id"], answer.json()["version"])


async def _when_open(client: httpx.AsyncClient, url: str, token: str) -> httpx.Response:
    async with asyncio.timeout(20):
        while True:
            try:
                return await client.post(
                    url, json=ARTICLE, headers={"authorization": f"Bearer {token}"} if token else {}
                )
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


async def test_tokens_are_made_listed_and_revoked_from_the_command_line(
    settings: Settings, js: JetStreamContext
) -> None:
    code, said = await wireroom(settings, "token", "add", "harbour-gazette", "--note", "the CMS")
    token = said.split()[0]
    async with client_of(gateway(js), token) as client:
        assert (code, (await client.post("/v1/articles", json=ARTICLE)).status_code) == (0, HTTPStatus.ACCEPTED)
    code, said = await wireroom(settings, "token", "ls", "--json")
    listed = json.loads(said)
    assert (code, listed["source"], listed["note"]) == (0, "harbour-gazette", "the CMS")
    assert token not in said
    assert (await wireroom(settings, "token", "revoke", listed["id"]))[0] == 0
    assert (await wireroom(settings, "token", "revoke", listed["id"]))[0] == 1
    async with client_of(gateway(js), token) as client:
        assert (await client.post("/v1/articles", json=ARTICLE)).status_code == HTTPStatus.UNAUTHORIZED


async def test_on_loopback_no_token_is_needed_before_one_was_made(js: JetStreamContext) -> None:
    async with client_of(gateway(js, open_to_all=True)) as client:
        assert (await client.post("/v1/articles", json=ARTICLE)).status_code == HTTPStatus.ACCEPTED


async def test_a_port_that_is_taken_names_its_variable(settings: Settings) -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    options = IngestSettings(http_port=server.sockets[0].getsockname()[1])
    with pytest.raises(WrongSetting, match="WIREROOM_INGEST_HTTP_PORT"):
        async with http_input(settings, options):
            pass
    server.close()


def test_only_loopback_addresses_are_local() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "ingest", "169.254.1.1"))  # noqa: S104


async def test_the_openapi_document_names_every_status_that_is_answered(client: httpx.AsyncClient) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    operation = document["paths"]["/v1/articles"]["post"]
    assert set(operation["responses"]) == {"202", "400", "401", "405", "408", "413", "415", "422", "429", "503"}
    assert set(operation["requestBody"]["content"]) == set(request_body.MEDIA_TYPES)
    assert (await client.get("/v1/articles")).status_code == HTTPStatus.METHOD_NOT_ALLOWED
