"""The desk's pages on a loopback port, in a thread of this process, over a real index, broker and database."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
import uvicorn
from pymongo.database import Database
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from services.desk.index.engine import TantivyEngine
from services.desk.index.generation import Generation
from services.desk.pages.administration import Administration
from services.desk.pages.page_sources import Sources
from services.desk.pages.routes import error_handlers, routes
from shared.messages import ArticleExtracted

TOKEN = "an administrator's token"  # noqa: S105 - of tests


def engine_of(articles: Sequence[ArticleExtracted], folder: Path) -> TantivyEngine:
    """Return an engine over an index of its own."""
    generation = Generation(folder, heap=15_000_000)
    generation.apply(articles)
    return TantivyEngine(generation, time_limit=20.0)


@dataclass
class Desk:
    """A running desk: where it answers, and the events that its stream has still to send."""

    url: str = ""
    events: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    loop: asyncio.AbstractEventLoop | None = None

    def send(self, event: str) -> None:
        """Send an event to whoever listens to the stream of articles."""
        assert self.loop
        self.loop.call_soon_threadsafe(self.events.put_nowait, event)


@contextmanager
def serving(
    engine: TantivyEngine, database: Database[dict[str, Any]] | None, nats_url: str | None, token: str | None = None
) -> Iterator[Desk]:
    """Serve the pages until the block ends; without an address of a broker as if it did not answer."""
    desk = Desk()

    async def stream(_: Request) -> Response:
        async def events() -> AsyncIterator[str]:
            while True:
                yield await desk.events.get()

        return StreamingResponse(events(), media_type="text/event-stream")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        desk.loop = asyncio.get_running_loop()
        client = await nats.connect(nats_url) if nats_url else None
        sources = Sources(database, Administration(token))
        monitor = sources.connect(client.jetstream(timeout=5)) if client else None
        app.router.routes += routes(engine, sources)
        running = asyncio.create_task(monitor.run()) if monitor else None
        try:
            yield
        finally:
            if running:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
            if client:
                await client.close()

    app = Starlette(
        routes=[Route("/v1/stream", stream)],
        lifespan=lifespan,
        exception_handlers=error_handlers(),
    )
    config = uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    started = threading.Event()
    startup = server.startup

    async def told(sockets: Any = None) -> None:  # noqa: ANN401
        await startup(sockets)
        started.set()

    server.startup = told  # type: ignore[method-assign] # the only place that knows when it listens
    thread.start()
    assert started.wait(20)
    desk.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield desk
    finally:
        server.should_exit = True
        thread.join(10)
