"""The desk's web application: the API under ``/v1``, the pages, and access and security headers around both."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from services.desk.access import Access, AccessMiddleware
from services.desk.api.desk_api import desk_api
from services.desk.api.event_stream import EventStream
from services.desk.query_runner import QueryRunner
from services.desk.search_engine import SearchEngine


def web_application(
    engine: SearchEngine, queries: QueryRunner, events: EventStream, access: Access, pages: Sequence[BaseRoute] = ()
) -> Starlette:
    """Return the ASGI application."""
    routes = [Mount("/v1", desk_api(engine, queries, events)), *pages]
    return Starlette(routes=routes, middleware=[Middleware(AccessMiddleware, access=access)])
