"""The desk's pages on a loopback port, in a thread of this process, over a real index, broker and database."""

import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import nats
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from services.desk.access import Access
from services.desk.index.engine import TantivyEngine
from services.desk.index.generation import Generation
from services.desk.settings import DeskSettings
from services.desk.site import Site
from shared.messages import ArticleExtracted
from shared.settings import Settings

TOKEN = "an administrator's token"  # noqa: S105 - of tests


def engine_of(articles: Sequence[ArticleExtracted], folder: Path) -> TantivyEngine:
    """Return an engine over an index of its own."""
    generation = Generation(folder, heap=15_000_000)
    generation.apply(articles)
    return TantivyEngine(generation, time_limit=20.0)


@contextmanager
def serving(engine: TantivyEngine, settings: Settings, token: str | None = None) -> Iterator[str]:
    """Yield the address of the desk until the block ends; its broker and database are those of the settings."""
    site = Site(settings, DeskSettings(), engine, Access(open_to_all=True), token)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        client = await nats.connect(settings.nats_url)
        with site.opened():
            async with site.connected(client, client.jetstream(timeout=5)):
                yield
        await client.close()

    app = Starlette(routes=[Mount("/", site)], lifespan=lifespan)
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
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(10)
