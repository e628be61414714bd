"""Runs a service as this process, behind one ASGI application: /livez, /readyz, /metrics, /asyncapi.

The pages answer from the first moment on, also while the service waits for its broker or its database.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any, cast

import uvicorn
from faststream import FastStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.errors import WrongSetting
from shared.observability.health_token import VARIABLE, HealthAccess
from shared.observability.metrics import CONTENT_TYPE
from shared.observability.process_state import LOOK_EVERY, NOT_ALIVE
from shared.runtime.service import Broker

log = logging.getLogger(__name__)

_BACKLOG = 128
_JSON = "application/json"


class ServiceServer(uvicorn.Server):
    """Serves the pages and runs the service until a signal, ``should_exit``, or the end of the service itself."""

    def __init__(self, service: FastStream) -> None:
        self._service, self._broker = service, cast("Broker", service.broker)
        self._host, self._port = self._broker.settings.health_host, self._broker.settings.health_port
        self._access = HealthAccess(self._host, self._broker.settings.health_token_file)
        self._task: asyncio.Task[None] | None = None
        self._ready, self._end = False, asyncio.Event()
        super().__init__(uvicorn.Config(self._application(), log_config=None, lifespan="on"))

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Raise what the service ended with, if it failed: a wrong setting, a missing model."""
        with _listening(self._host, self._port) as listening:
            await super().serve([listening] if sockets is None else sockets)
        if self._task and self._task.done() and not self._task.cancelled():
            self._task.result()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; before the service has started, which may be never, end at once."""
        if not self._ready:
            log.info("told to end before it started")
            os._exit(0)  # no message was taken yet, so there is nothing to finish
        super().handle_exit(sig, frame)

    def _application(self) -> Starlette:
        state, metrics = self._broker.state, self._broker.metrics

        async def livez(_: Request) -> Response:
            if state.alive:
                return PlainTextResponse("alive")
            return PlainTextResponse(f"nothing was done for {NOT_ALIVE * LOOK_EVERY:g} s and more", 503)

        async def readyz(request: Request) -> Response:
            report = state.report() if self._access.allows(request.headers) else "{}"
            return Response(report, 200 if state.ready else 503, media_type=_JSON)

        async def prometheus(request: Request) -> Response:
            if not self._access.allows(request.headers):
                return _refused()
            return Response(metrics.text(), media_type=CONTENT_TYPE)

        async def asyncapi(request: Request) -> Response:
            if not self._access.allows(request.headers):
                return _refused()
            return Response(self._service.schema.to_specification().to_json(), media_type=_JSON)

        pages = {"/livez": livez, "/readyz": readyz, "/metrics": prometheus, "/asyncapi": asyncapi}
        return Starlette(routes=[Route(path, page) for path, page in pages.items()], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Run the service beside the pages: started once the port is open, stopped before it is closed."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._stop)
        yield
        self._end.set()
        if not self._ready:
            self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        async with self._broker.state.loop.measured(), self._service.lifespan_context():
            try:
                await self._service.start()
                self._ready = True
                await self._end.wait()
            finally:
                await self._service.stop()

    def _stop(self, _: asyncio.Task[None]) -> None:
        self.should_exit = True


def _refused() -> Response:
    """Tell those who may know whether a service is ready that this page needs a token."""
    how = f"{VARIABLE} of this service names the file with the token: Authorization: Bearer TOKEN"
    return PlainTextResponse(how, 401, headers={"WWW-Authenticate": "Bearer"})


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises WrongSetting, where uvicorn would end the process by itself."""
    family, kind, protocol, _, address = _resolved(host, port)
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        where = f"health cannot be shown on {host}:{port}: {error.strerror}"
        raise WrongSetting(f"WIREROOM_HEALTH_PORT, WIREROOM_HEALTH_HOST: {where}. Name a free port.") from None
    return listening


def _resolved(host: str, port: int) -> Any:  # noqa: ANN401 - a tuple of five, as the socket module has it
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        cause = error.strerror
        raise WrongSetting(f"WIREROOM_HEALTH_HOST is {host!r}: {cause}. Name an address of this machine.") from None
