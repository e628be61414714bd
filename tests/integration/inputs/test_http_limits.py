"""The HTTP input under slow clients, floods and large bodies: the others are served, and the event loop goes on."""

import asyncio
import gc
import gzip
import json
import resource
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.ingest.http import access_tokens, admission, articles_api, gateway
from services.ingest.http.access_tokens import Tokens
from services.ingest.http.gateway import Gateway
from services.ingest.http.listener import http_input
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.http import http_listener
from shared.http.problem_details import Problem
from shared.settings import Settings
from tests.feeds.loop_probe import longest_callback
from wireroom.local import ports

LIMIT = 0.05  # seconds of processor that one callback may take
PATIENCE = 100.0
WHOLE = [pytest.mark.nightly, pytest.mark.timeout(900)]
ARTICLE = {"title": "Lock reopens", "body": "The lock at Karsholm reopened on Monday after three weeks of repairs."}
REFUSED = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


@pytest.fixture
async def js(broker: Client) -> JetStreamContext:
    return broker.jetstream(timeout=30)


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[int]:
    [port] = ports.free(1)
    async with http_input(settings, IngestSettings(http_port=port)):
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield port


def head(token: str, size: int) -> bytes:
    lines = f"Host: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {size}"
    return f"POST /v1/articles HTTP/1.1\r\n{lines}\r\n\r\n".encode()


async def posted(port: int, token: str, requests: list[bytes]) -> list[int]:
    """Post one by one over one connection and return the statuses."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return [await _answer(reader, writer, head(token, len(body)) + body) for body in requests]
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    said = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(said.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
    return int(said.split(b" ")[1])


def bodies(count: int) -> list[bytes]:
    return [json.dumps(ARTICLE | {"guid": f"{number}"}).encode() for number in range(count)]


class Slow:
    """A client that sends the beginning of a request and then a byte now and then; ``said`` is what it is answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drip: bytes) -> None:
        self._reader, self._writer, self._drip = reader, writer, drip

    async def said(self) -> bytes:
        """Return what came until the server closed the connection."""
        dripping = asyncio.create_task(self._dripping())
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._reader.read()
        except ConnectionError:
            return b""
        finally:
            dripping.cancel()
            self._writer.close()

    async def _dripping(self) -> None:
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(0.5)
                self._writer.write(self._drip)


async def slow(port: int, begin: bytes, drip: bytes) -> Slow:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begin)
    return Slow(reader, writer, drip)


@pytest.mark.parametrize(
    ("clients", "posts"),
    [(60, 300), pytest.param(1_000, 10_000, marks=[pytest.mark.nightly, pytest.mark.timeout(600)])],
)
async def test_slow_clients_and_a_flood_leave_the_others_served(
    settings: Settings, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch, clients: int, posts: int
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8_192), most))
    monkeypatch.setattr(http_listener, "_HEAD_TIMEOUT", 8.0)
    monkeypatch.setattr(gateway, "READ_TIMEOUT", 8.0)
    flooding, _ = await access_tokens.add(js, "flood")
    token, _ = await access_tokens.add(js, "harbour-gazette")
    async with served(settings) as port, asyncio.TaskGroup() as group:
        half_head = [await slow(port, b"POST /v1/articles HTTP/1.1\r\nHost: x\r\n", b"X") for _ in range(clients // 2)]
        half_body = [await slow(port, head(flooding, 10_000), b" ") for _ in range(clients // 2)]
        closed = [group.create_task(each.said()) for each in [*half_head, *half_body]]
        flood = [group.create_task(posted(port, flooding, bodies(posts // 100))) for _ in range(100)]
        others = [group.create_task(posted(port, token, bodies(20))) for _ in range(3)]
    assert {status for each in others for status in each.result()} == {202}
    statuses = Counter(status for each in flood for status in each.result())
    assert set(statuses) <= {202, *REFUSED}
    assert statuses.total() == posts
    assert {each.result() for each in closed[: len(half_head)]} == {b""}, "the headers never came"
    told = Counter(each.result()[9:12] for each in closed[len(half_head) :])
    assert told[b"408"] >= 1, "its body never came"
    assert set(told) <= {b"408", b"429"}
    assert told.total() == clients // 2


async def test_of_the_connections_that_wait_the_one_that_waits_longest_gives_way(
    settings: Settings, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_listener, "_WAITING", 3)
    token, _ = await access_tokens.add(js, "harbour-gazette")
    async with served(settings) as port:
        idle = [await slow(port, b"", b"") for _ in range(3)]
        assert await posted(port, token, bodies(2)) == [202, 202]
        assert await idle[0].said() == b""


async def test_beyond_so_many_connections_the_answer_is_503_at_once(
    settings: Settings, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = await access_tokens.add(js, "harbour-gazette")
    async with served(settings) as port:
        monkeypatch.setattr(http_listener, "_CONNECTIONS", 2)
        idle = [await slow(port, b"", b"") for _ in range(2)]
        refused = await (await slow(port, head(token, 2), b"")).said()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"content-type: application/problem+json" in refused
        assert b"retry-after: 2" in refused
        monkeypatch.setattr(http_listener, "_CONNECTIONS", 10)
        assert await posted(port, token, bodies(1)) == [202]
        assert len(idle) == 2


def test_a_token_has_so_many_requests_under_way_and_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "REQUESTS_OF_A_TOKEN", 2)
    monkeypatch.setattr(admission, "BYTES_OF_A_TOKEN", 100)
    held = admission.Admission()
    with held.request("one") as grown, held.request("one"):
        grown(60)
        with pytest.raises(Problem) as refused, held.request("one"):
            pass
        assert (refused.value.status, refused.value.headers) == (HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "1"})
        with pytest.raises(Problem, match="bytes"):
            grown(41)
        with held.request("two") as others:
            others(100)
        with held.request(None), held.request(None), held.request(None) as anybody:
            anybody(1_000)
    with held.request("one") as grown:
        grown(100)


MANY = [ARTICLE | {"source": "gazette", "guid": f"{number}", "body": ARTICLE["body"] * 3} for number in range(4_000)]
LONG = ARTICLE | {"source": "gazette", "body": "The lock reopened. " * 100_000}
TEXT, JSON, LINES = "text/plain", "application/json", "application/x-ndjson"
HEAVY: dict[str, tuple[bytes, str, dict[str, str], int]] = {
    "an array": (json.dumps(MANY).encode(), JSON, {}, 202),
    "lines": (b"\n".join(json.dumps(each).encode() for each in MANY), LINES, {}, 202),
    "one long article": (json.dumps(LONG).encode(), JSON, {}, 202),
    "a long text": (LONG["body"][:1_300_000].encode(), f"{TEXT}; charset=utf-16-le", {}, 202),
    "gzip of 25 MB": (gzip.compress(b" " * 25_000_000), TEXT, {"content-encoding": "gzip"}, 413),
    "nothing, ten million times": (b"[" + b"{}," * 3_000_000 + b"1]", JSON, {}, 413),
    "ten million empty lines": (b"\n" * 10_000_000, LINES, {}, 413),
    "short strings": (b"[" + b'"",' * 3_000_000 + b"1]", JSON, {}, 413),
}


@contextmanager
def frozen() -> Iterator[None]:
    """Leave what other tests made out of collections of garbage, as a service does with what it loads."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("name", HEAVY)
async def test_no_body_keeps_the_event_loop(js: JetStreamContext, name: str) -> None:
    body, kind, headers, status = HEAVY[name]
    gate = Gateway(SubmissionGate(js, SourceQuotas(IngestSettings()), "http"), Tokens(js), open_to_all=True)
    transport = httpx.ASGITransport(articles_api.create_app(gate))

    async def parts() -> AsyncIterator[bytes]:  # as they come from a socket
        for at in range(0, len(body), 65_536):
            yield body[at : at + 65_536]

    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        with frozen(), longest_callback() as longest:
            given: dict[str, Any] = {"headers": {"content-type": kind} | headers, "params": {"source": "gazette"}}
            answer = await client.post("/v1/articles", content=parts(), timeout=PATIENCE, **given)
    assert answer.status_code == status, answer.text[:500]
    assert longest.seconds < LIMIT, longest.what
