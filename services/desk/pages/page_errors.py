"""Error pages: what happened and what to do now, for people; problem details (RFC 9457) where JSON was asked for."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import orjson
from nats.errors import Error as NatsError
from pymongo.errors import PyMongoError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.desk.pages.page_renderer import Renderer
from services.desk.search_engine import InvalidQueryError, QueryTimeoutError
from shared.errors import Unavailable

Handler = Callable[[Request], Response]
AsyncHandler = Callable[[Request], Awaitable[Response]]


@dataclass(eq=False)
class PageError(Exception):
    """Something that a page answers instead of its content. ``now``: what the reader can do."""

    status: HTTPStatus
    title: str
    detail: str
    now: str = "Go back, or search for it."


def not_found(what: str, now: str) -> PageError:
    return PageError(HTTPStatus.NOT_FOUND, "Not found", what, now)


def unavailable(what: str, now: str) -> PageError:
    return PageError(HTTPStatus.SERVICE_UNAVAILABLE, "Not available now", what, now)


def broker_unavailable() -> PageError:
    return unavailable(
        "The broker (NATS) does not answer.",
        "Search and articles still work. Run `wireroom doctor`; this page works again as soon as the broker does.",
    )


def database_unavailable() -> PageError:
    return unavailable(
        "The database (MongoDB) does not answer.",
        "Search still works. Run `wireroom doctor`; this page works again as soon as the database does.",
    )


_API = "/v1/"  # also an address below it that no route of the API takes, as one with a line break
_BROKER = (NatsError, Unavailable, TimeoutError)
TOLD = (PageError, InvalidQueryError, QueryTimeoutError, HTTPException, PyMongoError, *_BROKER)


def told(error: Exception) -> PageError | None:
    """Return the page that stands for an exception; None for a bug of ours."""
    if isinstance(error, PageError):
        return error
    if isinstance(error, InvalidQueryError):
        return PageError(
            HTTPStatus.BAD_REQUEST, "This query cannot be read", _sentence(error), "Correct it and search."
        )
    if isinstance(error, QueryTimeoutError):
        return unavailable(_sentence(error), "Narrow it: more words, a source, fewer days.")
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return PageError(status, status.phrase, error.detail, "Go back, or start from the search.")
    if isinstance(error, PyMongoError):
        return database_unavailable()
    return broker_unavailable() if isinstance(error, _BROKER) else None


def _sentence(error: Exception) -> str:
    return f"{str(error).rstrip('.')}."


@dataclass(frozen=True)
class ErrorPages:
    """Turns exceptions of handlers into pages."""

    renderer: Renderer

    def around(self, handler: Handler | AsyncHandler) -> AsyncHandler:
        """Return a handler that answers errors; one that is no coroutine runs in a thread."""

        async def guarded(request: Request) -> Response:
            try:
                if inspect.iscoroutinefunction(handler):
                    found = await handler(request)
                else:
                    found = await run_in_threadpool(handler, request)
            except TOLD as error:
                return self.response(request, error)
            return cast("Response", found)

        return guarded

    def response(self, request: Request, error: Exception) -> Response:
        """Return the answer for an error that a page stands for."""
        page = told(error)
        if page is None:
            raise error
        headers = {"Retry-After": "5"} if page.status is HTTPStatus.SERVICE_UNAVAILABLE else {}
        if request.path_params.get("format") or request.url.path.startswith(_API):
            return Response(_problem(page), page.status, headers, "application/problem+json")
        found = self.renderer.page("error.html", page.status, error=page, q=request.query_params.get("q", ""))
        found.headers.update(headers)
        return found


def _problem(page: PageError) -> bytes:
    problem: Mapping[str, object] = {"title": page.title, "status": page.status, "detail": f"{page.detail} {page.now}"}
    return orjson.dumps(problem)
