"""HTTP client for addresses that others name (feeds, pages, webhooks): guarded against SSRF and resource exhaustion.

Names are resolved here, every resolved address is checked, and the connection goes to a checked address, so no second
resolution can differ (DNS rebinding). Each redirect passes the same check. Bodies are bounded in bytes, ratio of
compression and total time. Proxies and credentials of the environment, cookies and credentials in addresses are not
used.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from socket import SOCK_STREAM, gaierror, getaddrinfo
from typing import Self

import httpcore
import httpx

from shared.web.bounded_inflate import BoundedInflate, NotDecodable, TooLarge
from shared.web.public_addresses import AllowList, is_public

USER_AGENT = "Wireroom"
PORTS = frozenset({80, 443, 8080, 8443})  # of others; what is allow-listed may use any
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_CONNECTIONS = 100  # at once
_RESOLVERS = 16  # threads: a name server that hangs holds one until it gives up
_ENCODINGS = "gzip, deflate"  # no others: a piece of brotli or zstandard becomes hundreds of megabytes in one call
_PHASE = 10.0  # seconds for connecting, TLS and each read or write; the total limit holds above it
_LONGEST_URL = 4096
_AMBIENT = ("authorization", "cookie")  # headers that stay with the origin they were meant for


class FetchFailure(StrEnum):
    """Why a request has no answer. Closed: these values are metric labels."""

    BAD_URL = "bad_url"
    BAD_SCHEME = "bad_scheme"  # neither http nor https
    CREDENTIALS = "credentials"  # in the address
    PORT = "port"
    ADDRESS = "address"  # not public and not allow-listed
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"  # not HTTP, or cut
    TOO_LARGE = "too_large"
    BOMB = "bomb"  # ratio of compression
    ENCODING = "encoding"  # a content encoding that was not asked for, or damaged
    REDIRECTS = "redirects"  # too many, or one without a target
    DOWNGRADE = "downgrade"  # a redirect from https to http


class FetchError(Exception):
    """A request without an answer that can be used; ``reason`` is from the closed set."""

    def __init__(self, reason: FetchFailure, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class FetchLimits:
    """Bounds of one request with its redirects: bytes after decompression, seconds in all, number of redirects."""

    max_bytes: int = 8 * 1024 * 1024
    total_seconds: float = 30.0
    max_redirects: int = 5


@dataclass(frozen=True)
class Hop:
    """One redirect: its status and the address it led to."""

    status: int
    url: str

    @property
    def permanent(self) -> bool:
        return self.status in _PERMANENT


@dataclass(frozen=True)
class Fetched:
    """An answer of any status; ``url`` is where it came from, after ``hops``."""

    status: int
    url: str
    headers: httpx.Headers
    body: bytes
    hops: tuple[Hop, ...] = ()

    @property
    def permanent_url(self) -> str | None:
        """The address that takes the place of the one asked for: the last of the leading permanent redirects."""
        found = None
        for hop in self.hops:
            if not hop.permanent:
                break
            found = hop.url
        return found


Resolve = Callable[[str, int], Awaitable[list[str]]]


class _Resolver:
    """The system's resolver in threads of its own, which slow name servers cannot take from others."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> list[str]:
        def addresses() -> list[str]:
            return list(dict.fromkeys(str(found[4][0]) for found in getaddrinfo(host, port, type=SOCK_STREAM)))

        return await asyncio.get_running_loop().run_in_executor(self._threads, addresses)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to an address that was checked, and to no name."""

    def __init__(self, resolve: Resolve, allowed: AllowList, ports: frozenset[int]) -> None:
        self._resolve, self._allowed, self._ports = resolve, allowed, ports
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        error: Exception | None = None
        for address in await self.checked(host, port):
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error or httpcore.ConnectError(f"{host} has no address")

    async def checked(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host; raises FetchError unless each of them may be connected to."""
        try:
            addresses = await self._resolve(host.strip("[]"), port)
        except (gaierror, UnicodeError, OSError) as error:
            raise FetchError(FetchFailure.DNS, f"{host} is not resolved: {error}") from None
        if not addresses:
            raise FetchError(FetchFailure.DNS, f"{host} has no address")
        for address in addresses:
            if self._allowed.has(host, address):
                continue
            if not is_public(address, self._allowed):
                named = f"{address} is an address" if host == address else f"{host} is {address},"
                raise FetchError(FetchFailure.ADDRESS, f"{named} which is not public")
            if port not in self._ports:
                raise FetchError(FetchFailure.PORT, f"port {port} of {host}; {sorted(self._ports)} are used")
        return addresses

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - httpcore's own interface
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        raise FetchError(FetchFailure.BAD_SCHEME, f"a socket of this machine, {path[:80]!r}")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncIterator[bytes], close: Callable[[], Awaitable[None]]) -> None:
        self._stream, self._close = stream, close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._close()


class GuardedTransport(httpx.AsyncBaseTransport):
    """A transport of httpx over checked addresses; bodies come as they were sent, not decompressed."""

    def __init__(self, backend: _GuardedBackend, connections: int, ssl_context: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            max_connections=connections,
            max_keepalive_connections=max(connections // 5, 1),
            keepalive_expiry=10.0,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        body = _Body(answer.aiter_stream(), answer.aclose)
        return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=answer.extensions)

    async def aclose(self) -> None:
        await self._pool.aclose()


class GuardedClient:
    """Requests to addresses of others. Enter it as a context; it holds the connections.

    ``allowed`` has what may be reached though it is not public: CIDRs and host names. ``resolve`` stands in for the
    system's resolver, ``ssl_context`` for the public certificate authorities. ``phase_seconds`` bounds connecting and
    each read and write.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        *,
        allowed: Iterable[str] = (),
        user_agent: str = USER_AGENT,
        ports: frozenset[int] = PORTS,
        connections: int = _CONNECTIONS,
        phase_seconds: float = _PHASE,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._resolver = _Resolver()  # no thread is started before the first name
        backend = _GuardedBackend(resolve or self._resolver, AllowList.of(allowed), ports)
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(backend, connections, ssl_context),
            headers={"User-Agent": user_agent, "Accept-Encoding": _ENCODINGS, "Accept": "*/*"},
            timeout=httpx.Timeout(phase_seconds, pool=None),
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        self._resolver.close()

    async def get(
        self, url: str, headers: Mapping[str, str] | None = None, limits: FetchLimits | None = None
    ) -> Fetched:
        """Return the answer, whatever its status; follows redirects. Raises FetchError."""
        limits = limits or FetchLimits()
        return await _within(limits.total_seconds, self._get(url, dict(headers or {}), limits))

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limits: FetchLimits | None = None,
    ) -> Fetched:
        """Send a request with a body, such as a webhook; a redirect is the answer. Raises FetchError."""
        limits = limits or FetchLimits()
        request = self._client.build_request(method, checked_url(url), content=content, headers=dict(headers or {}))
        return await _within(limits.total_seconds, self._answer(request, limits, ()))

    async def _get(self, url: str, headers: dict[str, str], limits: FetchLimits) -> Fetched:
        at, hops = checked_url(url), list[Hop]()
        while True:
            answer = await self._answer(self._client.build_request("GET", at, headers=headers), limits, tuple(hops))
            if answer.status not in _REDIRECTS:
                return answer
            target = _target(at, answer.headers.get("location", ""))
            if len(hops) == limits.max_redirects:
                raise FetchError(FetchFailure.REDIRECTS, f"more than {limits.max_redirects} from {url[:200]}")
            if (target.scheme, target.host, target.port) != (at.scheme, at.host, at.port):
                headers = {name: value for name, value in headers.items() if name.lower() not in _AMBIENT}
            hops.append(Hop(answer.status, str(target)))
            at = target

    async def _answer(self, request: httpx.Request, limits: FetchLimits, hops: tuple[Hop, ...]) -> Fetched:
        async with _failures():
            response = await self._client.send(request, stream=True)
            try:
                body = b"" if response.status_code in _REDIRECTS else await _read(response, limits.max_bytes)
            finally:
                await response.aclose()
        return Fetched(response.status_code, str(request.url), response.headers, body, hops)


def checked_url(url: str) -> httpx.URL:
    """Return an address that may be tried, without its fragment; raises FetchError."""
    if len(url) > _LONGEST_URL:
        raise FetchError(FetchFailure.BAD_URL, f"an address of {len(url):,} characters")
    try:
        found = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchError(FetchFailure.BAD_URL, str(error)) from None
    if found.scheme not in {"http", "https"}:
        raise FetchError(FetchFailure.BAD_SCHEME, f"{found.scheme[:40] or 'no scheme'}; http and https are fetched")
    if found.userinfo:
        raise FetchError(FetchFailure.CREDENTIALS, "user and password in an address are not used")
    if not found.host:
        raise FetchError(FetchFailure.BAD_URL, "the address names no host")
    return found.copy_with(fragment=None)


def _target(at: httpx.URL, location: str) -> httpx.URL:
    if not location:
        raise FetchError(FetchFailure.REDIRECTS, "a redirect without a Location")
    try:
        joined = at.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchError(FetchFailure.BAD_URL, f"Location: {error}") from None
    found = checked_url(str(joined))
    if at.scheme == "https" and found.scheme == "http":
        raise FetchError(FetchFailure.DOWNGRADE, f"from https to http://{found.host}")
    return found


async def _read(response: httpx.Response, limit: int) -> bytes:
    """Return the body; raises TooLarge and NotDecodable."""
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length[:18]) > limit:
        raise TooLarge(f"{length[:18]} bytes; at most {limit:,} are read")
    inflate = BoundedInflate(_encoding(response.headers), limit)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += inflate.feed(chunk)
    if inflate.received:
        inflate.end()
    return bytes(body)


def _encoding(headers: httpx.Headers) -> str:
    given = str(headers.get("content-encoding", "")).strip().lower()
    return {"": "identity", "x-gzip": "gzip", "none": "identity"}.get(given, given)


async def _within(seconds: float, answer: Awaitable[Fetched]) -> Fetched:
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise FetchError(FetchFailure.TIMEOUT, f"not done within {seconds:g} s") from None


@asynccontextmanager
async def _failures() -> AsyncIterator[None]:
    """Raise what the layers below raise as FetchError."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise FetchError(FetchFailure.TIMEOUT, type(error).__name__) from None
    except httpcore.ConnectError as error:
        tls = isinstance(error.__cause__ or error.__context__, ssl.SSLError) or "SSL" in str(error)
        raise FetchError(FetchFailure.TLS if tls else FetchFailure.CONNECT, str(error)) from None
    except (httpcore.ProtocolError, httpcore.NetworkError, httpx.HTTPError, ValueError) as error:
        if isinstance(error, NotDecodable):
            raise FetchError(FetchFailure.ENCODING, str(error)) from None
        raise FetchError(FetchFailure.PROTOCOL, f"{type(error).__name__} {error}".strip()) from None
    except TooLarge as error:
        raise FetchError(FetchFailure.BOMB if error.bomb else FetchFailure.TOO_LARGE, str(error)) from None
