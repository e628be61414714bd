"""An HTTP port of a service's own, beside that of its probes: bound at the start, served by uvicorn until the end."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

import uvicorn
from nats.aio.client import Client
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.broker.connect import lasting_connection
from shared.errors import Unavailable, WrongSetting
from shared.http.problem_details import Problem

log = logging.getLogger(__name__)

_LOOKS_EVERY = 2.0  # seconds between two tries to reach the broker
_KEEP_ALIVE = 30  # seconds that an idle connection stays open
_HEAD_TIMEOUT = 10.0  # seconds from the first byte of a request, or from the connection, to the end of its headers
_CONNECTIONS = 2_000  # at once; others are answered with 503
_WAITING = 1_000  # connections without a request; of more, the one that waits longest is closed
_BACKLOG = 2_048
_GRACE = 10  # seconds for requests that are under way when the service ends


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Config(uvicorn.Config):
    """``waiting``: the connections that have no request under way, that which waits longest first."""

    def __init__(self, app: Any, **options: Any) -> None:  # noqa: ANN401 - as uvicorn has them
        self.waiting: dict[_Protocol, None] = {}
        super().__init__(app, http=_Protocol, **options)


class _Protocol(H11Protocol):
    """uvicorn's, with a bound on the time and the number of connections that wait for the headers of a request.

    uvicorn's own timer ends with the first byte, so that a client which sends a byte now and then is kept for ever.
    """

    config: _Config
    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > _CONNECTIONS:  # uvicorn's own answer is text, and does not say when to come again
            transport.write(_too_many_connections())
            transport.close()
            return
        self._wait()
        self._begin_head()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._head is None and not self._is_busy():
            self._begin_head()
        super().data_received(data)
        if self._is_busy():
            self._end_head()
            self.config.waiting.pop(self, None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_busy() and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self.config.waiting.pop(self, None)
        super().connection_lost(exc)

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        waiting = self.config.waiting
        waiting[self] = None
        if len(waiting) > _WAITING:
            oldest = next(iter(waiting))
            del waiting[oldest]
            oldest.transport.close()

    def _begin_head(self) -> None:
        self._head = self.loop.call_later(_HEAD_TIMEOUT, self.transport.close)

    def _end_head(self) -> None:
        if self._head:
            self._head.cancel()
            self._head = None


def _too_many_connections() -> bytes:
    problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections at once", {"Retry-After": "2"}).response
    lines = [f"HTTP/1.1 {problem.status_code} Service Unavailable".encode(), b"connection: close"]
    lines += [name + b": " + value for name, value in problem.raw_headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(problem.body)


class HttpListener:
    """A bound port; nobody is answered before ``serve``."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self.host, self.port = opened.getsockname()[:2]
        self._uvicorn: _Uvicorn | None = None

    async def serve(self, app: Any) -> None:  # noqa: ANN401 - any ASGI application
        """Answer requests until the listener is closed."""
        self._socket.listen(_BACKLOG)
        config = _Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        self._uvicorn = _Uvicorn(config)
        await self._uvicorn.serve([self._socket])

    @asynccontextmanager
    async def running(self, work: Coroutine[Any, Any, None], what: str) -> AsyncIterator[None]:
        """Run ``work``, which comes to `serve`, until the block ends; requests under way are finished then.

        ``what`` begins the line of the log where it ends with an error.
        """
        task = asyncio.create_task(work)

        def tell(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and (error := done.exception()):
                log.error("%s: %s", what, error, exc_info=error)

        task.add_done_callback(tell)
        try:
            yield
        finally:
            if self._uvicorn:
                self._uvicorn.should_exit = True
            else:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._socket.close()


def bound(host: str, port: int, what: str, names: str) -> HttpListener:
    """Bind without listening, so that a port which cannot be had is told at the start; raises WrongSetting.

    ``what`` cannot be done then, and ``names`` are the settings to change.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
    except OSError as error:
        where = f"{what} on {host}:{port}: {error.strerror}"
        raise WrongSetting(f"{names}: {where}. Name a free port of this machine.") from None
    return HttpListener(opened)


async def connected(stack: AsyncExitStack, url: str) -> Client:
    """Connect once the broker is there, until the stack is closed; the probes of the service tell of its absence."""
    while True:
        try:
            return await stack.enter_async_context(lasting_connection(url, _noticed, _noticed))
        except Unavailable:
            await asyncio.sleep(_LOOKS_EVERY)


async def _noticed() -> None:
    """The service's own connection tells of the broker's absence."""
