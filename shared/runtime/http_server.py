"""Runs a service's application as this process: its health routes, its signals, its end.

Health is shown from the first moment on, also while the service waits for its broker or its database to be there.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any

import uvicorn
from faststream.asgi import AsgiFastStream

from shared.errors import WrongSetting
from shared.runtime.service import Service, build
from shared.settings import Settings

log = logging.getLogger(__name__)

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class _Beside:
    """The application, run beside its health routes: started once these answer, stopped before they do not."""

    def __init__(self, app: AsgiFastStream) -> None:
        self._app = app
        self._end = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.started = False
        self.ended: Callable[[], None] = lambda: None

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._end.set()
        if self._running:
            if not self.started:
                self._running.cancel()
            await asyncio.wait({self._running})
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(lambda _: self.ended())

    async def _run(self) -> None:
        async with self._app.start_lifespan_context():
            self.started = True
            await self._end.wait()

    def raise_failure(self) -> None:
        """Raise what the application ended with, if it failed: a wrong setting, a missing model."""
        if self._running and self._running.done() and not self._running.cancelled():
            self._running.result()


class _Server(uvicorn.Server):
    """Ends when the application does; told to end before that has started, which may be never, it ends at once."""

    def __init__(self, config: uvicorn.Config, beside: _Beside) -> None:
        super().__init__(config)
        self._beside = beside
        beside.ended = self._stop

    def _stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own interface
        _check_free(self.config.host, self.config.port)
        await super().startup(sockets)
        self._beside.start()  # only now, when the port is open: nothing of it is seen or done before its health is

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._beside.started:
            log.info("told to end before it started")
            os._exit(0)  # no message was taken yet, so there is nothing to finish
        super().handle_exit(sig, frame)

    async def serve(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own interface
        await super().serve(sockets)
        self._beside.raise_failure()


def _check_free(host: str, port: int) -> None:
    """Raise WrongSetting where the health port cannot be had, for which uvicorn would end the process by itself."""
    family, kind, protocol, _, address = _resolved(host, port)
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            where = f"health cannot be shown on {host}:{port}: {error.strerror}"
            raise WrongSetting(f"WIREROOM_HEALTH_PORT, WIREROOM_HEALTH_HOST: {where}. Name a free port.") from None


def _resolved(host: str, port: int) -> Any:  # noqa: ANN401 - a tuple of five, as the socket module has it
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        cause = error.strerror
        raise WrongSetting(f"WIREROOM_HEALTH_HOST is {host!r}: {cause}. Name an address of this machine.") from None


def server(service: Service, settings: Settings) -> uvicorn.Server:
    """Return what runs the service and its health routes until SIGTERM, SIGINT or ``should_exit``."""
    beside = _Beside(build(service, settings))
    config = uvicorn.Config(
        beside,
        host=settings.health_host,
        port=settings.health_port,
        log_config=None,
        lifespan="on",
    )
    return _Server(config, beside)
