"""The desk's ASGI application: the API under ``/v1``, pages and feeds, behind access control and security headers.

It answers from the start; once there is a connection to the broker, pages and streams that need one work as well.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from nats.aio.client import Client
from nats.js import JetStreamContext
from pymongo import MongoClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from services.desk.access import Access, AccessMiddleware
from services.desk.api.desk_api import desk_api
from services.desk.api.event_stream import EventStream
from services.desk.pages.administration import Administration
from services.desk.pages.page_sources import Sources
from services.desk.pages.routes import error_handlers, routes
from services.desk.query_runner import QueryRunner
from services.desk.search_engine import SearchEngine
from services.desk.settings import DeskSettings
from services.desk.subscriptions.feed_routes import feed_routes
from services.desk.subscriptions.subscription_tasks import Subscriptions, running
from services.store.mongo_connection import usable
from services.store.queries import Documents
from shared.settings import Settings

_MONGO_PATIENCE_MS = 2_000


class Site:
    """Used inside ``opened``."""

    def __init__(
        self,
        settings: Settings,
        options: DeskSettings,
        engine: SearchEngine,
        access: Access,
        admin_token: str | None = None,
    ) -> None:
        self._settings, self._engine, self._access = settings, engine, access
        self._administration, self._probes = Administration(admin_token), options.probes or ()
        self._queries, self._events = QueryRunner(options.time_limit), EventStream()
        self._database: Documents | None = None
        self._subscriptions: Subscriptions | None = None
        self._app = self._made(Sources())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    @contextmanager
    def opened(self) -> Iterator["Site"]:
        """Answer queries while the block runs; MongoDB is connected to by the first page that asks it."""
        with usable():
            client = MongoClient[dict[str, object]](
                self._settings.mongo_url,
                appname="wireroom-desk-pages",
                tz_aware=True,
                connect=False,
                serverSelectionTimeoutMS=_MONGO_PATIENCE_MS,
            )
            self._database = client[self._settings.mongo_database]
        with client:
            self._app = self._made(Sources(self._database, self._administration))
            try:
                yield self
            finally:
                self._queries.close()

    @asynccontextmanager
    async def connected(self, connection: Client, js: JetStreamContext) -> AsyncIterator[None]:
        """Show what the broker tells, and run the saved searches, while the block runs."""
        async with AsyncExitStack() as stack:
            self._subscriptions = await stack.enter_async_context(running(connection, js))
            sources = Sources(self._database, self._administration)
            watching = asyncio.create_task(sources.connect(js, self._probes).run())
            self._events.js = js
            self._app = self._made(sources, self._subscriptions)
            try:
                yield
            finally:
                watching.cancel()
                self._events.js = None
                await asyncio.gather(watching, return_exceptions=True)

    def _made(self, sources: Sources, subscriptions: Subscriptions | None = None) -> Starlette:
        feeds = feed_routes(lambda: subscriptions) if subscriptions else []
        return Starlette(
            routes=[
                Mount("/v1", desk_api(self._engine, self._queries, self._events)),
                *feeds,
                *routes(self._engine, sources),
            ],
            middleware=[Middleware(AccessMiddleware, access=self._access)],
            exception_handlers=error_handlers(),
        )
