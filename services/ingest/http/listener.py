"""Serves the HTTP input on a port of its own inside the process of ingest, beside the probes."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.ingest.http.access_tokens import Tokens
from services.ingest.http.articles_api import Gateway, create_app
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from shared.broker.connect import lasting_connection
from shared.errors import Unavailable, WrongSetting
from shared.settings import Settings

log = logging.getLogger(__name__)

_LOOKS_EVERY = 2.0  # seconds between two looks for a first token
_KEEP_ALIVE = 30  # seconds that an idle connection stays open
_CONNECTIONS = 2_000  # at once; uvicorn answers 503 beyond
_BACKLOG = 2_048
_GRACE = 10  # seconds for requests that are under way when the service ends


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Server:
    """``uvicorn`` is there once articles are taken."""

    uvicorn: _Uvicorn | None = None

    async def serve(self, app: FastAPI, opened: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
            limit_concurrency=_CONNECTIONS,
        )
        self.uvicorn = _Uvicorn(config)
        await self.uvicorn.serve([opened])


@asynccontextmanager
async def http_input(settings: Settings, options: IngestSettings) -> AsyncIterator[None]:
    """Take articles over HTTP for as long as the block lasts, if a port is set; raises WrongSetting for a bad one.

    The connection to the broker is its own, so that a flood of posts delays no acknowledgement of the consumer.
    """
    if not options.http_port:
        yield
        return
    opened, server = _opened(options.http_host, options.http_port), _Server()
    task = asyncio.create_task(_run(server, opened, settings, options))
    task.add_done_callback(_tell)
    try:
        yield
    finally:
        if server.uvicorn:
            server.uvicorn.should_exit = True
        else:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        opened.close()


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("articles are no longer taken over HTTP: %s", error, exc_info=error)


async def _run(server: "_Server", opened: socket.socket, settings: Settings, options: IngestSettings) -> None:
    async with AsyncExitStack() as stack:
        js = (await _connected(stack, settings.nats_url)).jetstream(timeout=10)
        local, tokens = is_loopback(options.http_host), Tokens(js)
        host, port = opened.getsockname()[:2]
        if not local:
            await _wait_for_a_token(tokens, f"{host}:{port}")
        app = create_app(Gateway(js, tokens, SourceQuotas(options), open_to_all=local))
        opened.listen(_BACKLOG)
        log.info("articles are taken on http://%s:%s/v1/articles", host, port)
        await server.serve(app, opened)


async def _connected(stack: AsyncExitStack, url: str) -> Client:
    """Connect once the broker is there; whoever asks meanwhile finds the port closed."""
    while True:
        try:
            return await stack.enter_async_context(lasting_connection(url, _noticed, _noticed))
        except Unavailable:  # which the probes of the service tell
            await asyncio.sleep(_LOOKS_EVERY)


async def _noticed() -> None:
    """The service's own connection tells of the broker's absence."""


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address; of a name only ``localhost`` counts."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _wait_for_a_token(tokens: Tokens, address: str) -> None:
    told = False
    while not await _any(tokens):
        if not told:
            log.warning("%s is a public address: it opens once `wireroom token add SOURCE` made a first token", address)
            told = True
        await asyncio.sleep(_LOOKS_EVERY)


async def _any(tokens: Tokens) -> bool:
    try:
        return bool(await tokens.known())
    except (NatsError, TimeoutError, Unavailable):
        return False  # the broker is unavailable, which the probes tell


def _opened(host: str, port: int) -> socket.socket:
    """Bind without listening, so that a port which cannot be had is told at the start."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
    except OSError as error:
        where = f"articles cannot be taken on {host}:{port}: {error.strerror}"
        names = "WIREROOM_INGEST_HTTP_PORT, WIREROOM_INGEST_HTTP_HOST"
        raise WrongSetting(f"{names}: {where}. Name a free port of this machine.") from None
    return opened
