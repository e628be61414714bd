"""What a guarded request reaches, and what it takes in: addresses, redirects, sizes, encodings, time."""

import asyncio
import gzip
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.guarded_http import FetchError, FetchFailure, FetchLimits, GuardedClient
from shared.web.bounded_inflate import BoundedInflate, NotDecodable, TooLarge, inflated
from shared.web.public_addresses import AllowList, is_public
from tests.feeds.web_server import Answer, Request, certificate, serving

LOOPBACK = ("127.0.0.1",)


async def _loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


async def _reason(client: GuardedClient, url: str, limits: FetchLimits | None = None) -> FetchFailure:
    with pytest.raises(FetchError) as failed:
        await client.get(url, limits=limits)
    return failed.value.reason


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.1.2.3"),
        *("192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "192.88.99.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00::1"),
        *("ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"),
        *("2002:7f00:1::1", "2002:808:808::1", "2001::1", "2001:db8::1", "100::1", "5f00::1", "3fff::1"),
        *("2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1", "nonsense", ""),
    ],
)
def test_an_address_that_leads_into_a_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:80b::200e"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_an_allow_list_has_networks_and_hosts_and_what_is_inside_a_translated_address() -> None:
    allowed = AllowList.of(["10.0.0.0/8", "feeds.intranet.example", "64:ff9b::/96"])
    assert allowed.has("any.example", "10.2.3.4")
    assert allowed.has("Feeds.intranet.example.", "192.168.0.1")
    assert not allowed.has("any.example", "192.168.0.1")
    assert not allowed.has("any.example", "64:ff9b::c0a8:1")
    assert is_public("64:ff9b::808:808", allowed)  # a network with DNS64 sees the whole internet so
    assert not is_public("64:ff9b::c0a8:1", allowed)
    for wrong in ("10.0.0.0/40", "http://x.example", "", "a b"):
        with pytest.raises(ValueError, match="no network"):
            AllowList.of([wrong])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((f"http://{host}/", FetchFailure.ADDRESS) for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1")),
        *((f"http://{host}/", FetchFailure.ADDRESS) for host in ("127.1", "0", "[::1]", "[::ffff:127.0.0.1]")),
        *((f"http://{host}/", FetchFailure.ADDRESS) for host in ("[64:ff9b::7f00:1]", "169.254.169.254", "[fd00::1]")),
        ("http://93.184.216.34:22/", FetchFailure.PORT),
        ("file:///etc/passwd", FetchFailure.BAD_SCHEME),
        ("/etc/passwd", FetchFailure.BAD_SCHEME),
        ("feed:file:///etc/passwd", FetchFailure.BAD_SCHEME),
        ("gopher://93.184.216.34/", FetchFailure.BAD_SCHEME),
        ("http://user:secret@93.184.216.34/", FetchFailure.CREDENTIALS),
        ("http://", FetchFailure.BAD_URL),
        ("http://[::1/", FetchFailure.BAD_URL),
        ("http://a.example/" + "x" * 5_000, FetchFailure.BAD_URL),
    ],
)
async def test_an_address_that_is_not_fetched_is_refused_with_its_reason(url: str, reason: FetchFailure) -> None:
    async with GuardedClient() as client:
        assert await _reason(client, url) is reason


async def test_every_address_of_a_name_has_to_be_public_and_the_checked_one_is_connected_to() -> None:
    asked = list[str]()

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34", "127.0.0.1"]

    async with GuardedClient(resolve=rebinding) as client:
        assert await _reason(client, "http://both.example/") is FetchFailure.ADDRESS
    assert asked == ["both.example"]  # resolved once: there is no second answer to be had


async def test_a_redirect_is_checked_as_the_first_address_is() -> None:
    async def redirecting(request: Request) -> Answer:
        to = {"/meta": "http://169.254.169.254/", "/file": "file:///etc/passwd", "/me": "/me", "/none": ""}
        status = 301 if request.path in {"/old", "/older"} else 302
        to |= {"/older": "/old", "/old": "/away", "/away": "/feed"}
        if request.path == "/feed":
            return Answer(b"here")
        return Answer(status=status, headers={"Location": to[request.path]} if to[request.path] else {})

    async with serving(redirecting) as server, GuardedClient(allowed=LOOPBACK) as client:
        base = f"http://127.0.0.1:{server.port}"
        assert await _reason(client, f"{base}/meta") is FetchFailure.ADDRESS
        assert await _reason(client, f"{base}/file") is FetchFailure.BAD_SCHEME
        assert await _reason(client, f"{base}/me") is FetchFailure.REDIRECTS
        assert await _reason(client, f"{base}/none") is FetchFailure.REDIRECTS
        answer = await client.get(f"{base}/older#part")
        assert (answer.body, answer.url) == (b"here", f"{base}/feed")
        assert answer.permanent_url == f"{base}/away"


async def test_https_checks_the_name_and_is_not_left_for_http(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path, "news.example")

    async def answer(request: Request) -> Answer:
        if request.path == "/plain":
            return Answer(status=301, headers={"Location": "http://news.example/"})
        return Answer(b"over TLS")

    async with (
        serving(answer, server_tls) as server,
        GuardedClient(allowed=LOOPBACK, resolve=_loopback, ssl_context=client_tls) as client,
        GuardedClient(allowed=LOOPBACK, resolve=_loopback) as public,
    ):
        assert (await client.get(f"https://news.example:{server.port}/")).body == b"over TLS"
        assert await _reason(client, f"https://other.example:{server.port}/") is FetchFailure.TLS
        assert await _reason(public, f"https://news.example:{server.port}/") is FetchFailure.TLS
        assert await _reason(client, f"https://news.example:{server.port}/plain") is FetchFailure.DOWNGRADE


async def test_a_body_is_bounded_in_size_ratio_encoding_and_time() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    held = asyncio.Event()

    answers = {
        "/bomb": Answer(bomb, headers={"Content-Encoding": "gzip"}),
        "/large": Answer(b"x" * 2_000),
        "/endless": Answer(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000),
        "/br": Answer(b"...", headers={"Content-Encoding": "br"}),
        "/cut": Answer(gzip.compress(b"text " * 99)[:-9], headers={"Content-Encoding": "gzip"}),
        "/deflate": Answer(zlib.compress(b"text"), headers={"Content-Encoding": "deflate"}),
        "/raw": Answer(zlib.compress(b"text", wbits=-15), headers={"Content-Encoding": "deflate"}),
        "/junk": Answer(raw=b"220 ready\r\n"),
        "/headers": Answer(b"", headers={f"X-{number}": "x" * 1_000 for number in range(200)}),
    }

    async def answer(request: Request) -> Answer:
        if request.path not in answers:
            await held.wait()
        return answers[request.path]

    small = FetchLimits(max_bytes=1_000)
    async with serving(answer) as server, GuardedClient(allowed=LOOPBACK) as client:
        base = f"http://127.0.0.1:{server.port}"
        tracemalloc.start()
        assert await _reason(client, f"{base}/bomb", FetchLimits(max_bytes=256 * 1024 * 1024)) is FetchFailure.BOMB
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 24 * 1024 * 1024
        assert await _reason(client, f"{base}/large", small) is FetchFailure.TOO_LARGE
        assert await _reason(client, f"{base}/endless", small) is FetchFailure.TOO_LARGE
        assert await _reason(client, f"{base}/br") is FetchFailure.ENCODING
        assert await _reason(client, f"{base}/cut") is FetchFailure.ENCODING
        assert await _reason(client, f"{base}/junk") is FetchFailure.PROTOCOL
        assert await _reason(client, f"{base}/headers") is FetchFailure.PROTOCOL
        assert (await client.get(f"{base}/deflate")).body == b"text"
        assert (await client.get(f"{base}/raw")).body == b"text"
        assert await _reason(client, f"{base}/slow", FetchLimits(total_seconds=0.05)) is FetchFailure.TIMEOUT
    async with GuardedClient(allowed=LOOPBACK) as client:
        assert await _reason(client, f"{base}/") is FetchFailure.CONNECT


async def test_what_is_sent_has_our_name_no_cookie_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", "/dev/null")

    async def answer(request: Request) -> Answer:
        if request.method == "POST":
            return Answer(request.body, 307, {"Location": "/elsewhere"})
        return Answer(headers={"Set-Cookie": "id=1"})

    async with serving(answer) as server, GuardedClient(allowed=LOOPBACK, user_agent="Karsholm/1") as client:
        url = f"http://127.0.0.1:{server.port}/"
        await client.get(url)
        await client.get(url, {"If-None-Match": '"x"'})
        posted = await client.send("POST", url, content=b"{}", headers={"Content-Type": "application/json"})
    assert {each.headers["user-agent"] for each in server.asked} == {"Karsholm/1"}
    assert not any("cookie" in each.headers for each in server.asked)
    assert server.asked[1].headers["if-none-match"] == '"x"'
    assert posted.status == 307  # a body goes where it was meant to go, and nowhere else
    assert [each.body for each in server.asked] == [b"", b"", b"{}"]


@given(st.binary(max_size=2_000), st.sampled_from(["gzip", "deflate"]), st.integers(1, 64), st.integers(0, 3_000))
def test_inflating_in_any_pieces_equals_zlib_below_the_limit(data: bytes, encoding: str, step: int, limit: int) -> None:
    packed = gzip.compress(data) if encoding == "gzip" else zlib.compress(data)
    inflate = BoundedInflate(encoding, limit)
    try:
        made = b"".join(inflate.feed(packed[at : at + step]) for at in range(0, len(packed), step))
        inflate.end()
    except TooLarge:
        assert len(data) > limit
    else:
        assert made == data
        assert len(data) <= limit


def test_a_long_body_is_whole_whatever_its_pieces() -> None:
    data = bytes(range(256)) * 4_000 + bytes(700_000)
    packed = gzip.compress(data)
    for step in (1_000, 100_000, len(packed)):
        inflate = BoundedInflate("gzip", len(data), max_ratio=2_000)
        assert b"".join(inflate.feed(packed[at : at + step]) for at in range(0, len(packed), step)) == data
        inflate.end()


@given(st.binary(max_size=500))
def test_any_bytes_inflate_or_are_refused(data: bytes) -> None:
    for encoding in ("gzip", "deflate", "identity"):
        inflate = BoundedInflate(encoding, 10_000)
        try:
            inflate.feed(data)
            inflate.end()
        except (NotDecodable, TooLarge):
            continue


def test_members_of_one_gzip_are_read_in_turn_and_bounded_together() -> None:
    assert inflated(gzip.compress(b"one ") + gzip.compress(b"two") + b"padding", 100) == b"one two"
    with pytest.raises(TooLarge):
        inflated(gzip.compress(b"x" * 60) * 2, 100)
    many = gzip.compress(b"") * 1_001
    with pytest.raises(TooLarge, match="members"):
        inflated(many, 100)
