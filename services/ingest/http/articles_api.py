"""``POST /v1/articles``: submissions over HTTP, answered once the broker has them on disk.

202 means stored: the id and version of each article are final. Everything else is problem details (RFC 9457), and what
was refused was not taken.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from nats.errors import Error as NatsError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.ingest.http.access_tokens import Tokens
from services.ingest.http.refused_articles import problem_of, refused, status_of
from services.ingest.http.request_body import MAX_REQUEST, MEDIA_TYPES, Item, items_of, read_bounded
from services.ingest.submission_gate import SubmissionGate, Taken
from shared import __version__
from shared.errors import Reason, Rejected, Unavailable
from shared.http.problem_details import MEDIA_TYPE, Problem
from shared.messages import ArticleSubmitted
from shared.runtime.worker_thread import off_loop

_READ_TIMEOUT = 30.0  # seconds for the whole body; a slow client holds nothing longer
_AT_ONCE = 4 * MAX_REQUEST  # bytes of bodies in memory over all requests; what comes beyond is told to come again
_PUBLISHED_AT_ONCE = 128  # of one request
_RETRY_AFTER = {"Retry-After": "1"}


Outcome = Taken | Rejected | Unavailable


@dataclass
class Gateway:
    """What stands between a request and INBOX. ``open_to_all``: no token is asked for while none was made."""

    gate: SubmissionGate
    tokens: Tokens
    open_to_all: bool = False
    _in_memory: int = field(default=0, init=False)

    async def source_of(self, authorization: str) -> str | None:
        """Return the source that a request may publish for, None for any; raises Problem 401 and 503."""
        try:
            if not authorization and self.open_to_all and not await self.tokens.known():
                return None
            token = await self.tokens.of(authorization)
        except (NatsError, TimeoutError, Unavailable) as error:
            raise _unavailable(error) from None
        if token is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="wireroom"'}
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "a token is needed: `wireroom token add SOURCE` makes one", challenge
            )
        return token.source

    @asynccontextmanager
    async def body_of(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the body, read within its limits of size, time and memory; its memory counts until the block ends.

        Raises Problem 400, 408, 413, 415, 422 and 503.
        """
        given = request.headers.get("content-length", "")
        if given.isdigit() and len(given) < 16 and int(given) > MAX_REQUEST:  # noqa: PLR2004
            said = f"the body has {int(given):,} bytes; at most {MAX_REQUEST:,} are taken"
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said, reason="too_large")
        encoding, held = request.headers.get("content-encoding", "").strip().lower(), 0

        def grown(size: int) -> None:
            nonlocal held
            if self._in_memory + size > _AT_ONCE:
                raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once; send it again", _RETRY_AFTER)
            self._in_memory += size
            held += size

        try:
            yield await _read(request, encoding, grown)
        finally:
            self._in_memory -= held

    async def take(self, item: Item, source: str | None, key: str) -> Taken:
        """Publish one submission and wait for the broker; raises Rejected and Unavailable."""
        if item.refusal:
            raise item.refusal
        return await self.gate.take(item.data, source, key or secrets.token_hex(16), withdraws=item.withdraws)


async def _read(request: Request, encoding: str, grown: Callable[[int], None]) -> bytes:
    try:
        async with asyncio.timeout(_READ_TIMEOUT):
            return await read_bounded(request.stream(), encoding, grown)
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, f"the body took more than {_READ_TIMEOUT:g} s") from None
    except ClientDisconnect:
        raise Problem(HTTPStatus.BAD_REQUEST, "the connection ended before the body did") from None


async def _taken(gateway: Gateway, items: list[Item], source: str | None, key: str) -> list[Outcome]:
    """Take all, a bounded number at once, and return for each what became of it."""
    room = asyncio.Semaphore(_PUBLISHED_AT_ONCE)

    async def one(number: int, item: Item) -> Outcome:
        own = key or item.key
        async with room:
            try:
                return await gateway.take(item, source, f"{own}\0{number}" if own else "")
            except (Rejected, Unavailable) as why:
                return why

    return await asyncio.gather(*(one(*each) for each in enumerate(items)))


def _unavailable(error: Exception) -> Problem:
    cause = str(error) if isinstance(error, Unavailable) else "it did not answer"
    said = f"the broker does not take articles now: {cause}"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, said, {"Retry-After": "2"})


def _answer(found: list[Outcome]) -> JSONResponse:
    """Return 202 where anything was taken, with what became of each; else the problem of the first."""
    if len(found) == 1:
        return _answer_of_one(found[0])
    results = [_result(each) for each in found]
    accepted = sum(isinstance(each, Taken) for each in found)
    missing = [each for each in found if isinstance(each, Unavailable)]
    content: dict[str, Any] = {"accepted": accepted, "refused": len(found) - accepted, "results": results}
    if missing:  # all of it can be sent again under the same Idempotency-Key
        problem = _unavailable(missing[0])
        return Problem(problem.status, problem.detail, problem.headers, **content).response
    if accepted:
        return JSONResponse(content, HTTPStatus.ACCEPTED)
    first = next(each for each in found if isinstance(each, Rejected))
    return Problem(status_of(first), f"none of {len(found)} articles was taken", **content).response


def _answer_of_one(found: Outcome) -> JSONResponse:
    if isinstance(found, Taken):
        return JSONResponse(found.members, HTTPStatus.ACCEPTED)
    if isinstance(found, Rejected):
        return problem_of(found, {"Retry-After": "60"} if found.reason is Reason.OVER_QUOTA else {}).response
    return _unavailable(found).response


def _result(found: Outcome) -> dict[str, Any]:
    if isinstance(found, Taken):
        return {"status": int(HTTPStatus.ACCEPTED), **found.members}
    if isinstance(found, Rejected):
        return {"status": int(status_of(found)), **refused(found)}
    return {"status": int(HTTPStatus.SERVICE_UNAVAILABLE), "detail": "not known to be taken; send it again"}


_PROBLEM: dict[str, Any] = {
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["title", "status", "detail"],
                "properties": {
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "reason": {"type": "string", "enum": [reason.value for reason in Reason]},
                    "field": {"type": "string"},
                },
            }
        }
    }
}
_SAYS = {
    400: "The connection ended before the body did.",
    401: "No token, or none that is known.",
    405: "Another method than POST.",
    408: "The body did not come in time.",
    413: "The body or an article is too large.",
    415: "A media type, charset or content encoding that is not read.",
    422: "The article is refused; `field` and `reason` tell why.",
    429: "The source is over its quota.",
    503: "The broker does not take articles now: send the same again after Retry-After.",
}
_SUBMISSION = ArticleSubmitted.model_json_schema()
_ONE_OR_MANY = {"oneOf": [_SUBMISSION, {"type": "array", "items": _SUBMISSION}]}
_BODY = {
    "required": True,
    "content": {
        kind: {"schema": _ONE_OR_MANY if kind == "application/json" else {"type": "string"}} for kind in MEDIA_TYPES
    },
}


def create_app(gateway: Gateway) -> FastAPI:
    """Return the ASGI application; the gateway's connection is its owner's to open and close."""
    app = FastAPI(
        title="Wireroom ingest", version=__version__, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None
    )

    @app.post(
        "/v1/articles",
        status_code=HTTPStatus.ACCEPTED,
        summary="Submit one article or many",
        response_description="The broker has them on disk.",
        responses={status: {"description": said, **_PROBLEM} for status, said in _SAYS.items()},
        openapi_extra={
            "requestBody": _BODY,
            "security": [{"token": []}],
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "schema": {"type": "string", "maxLength": 255},
                    "description": "The same key with the same body is taken once within an hour.",
                }
            ],
        },
    )
    async def post_articles(request: Request) -> JSONResponse:
        """The answer is 202 once all accepted articles are on the broker's disk; of many, each has its own result."""
        source = await gateway.source_of(request.headers.get("authorization", ""))
        kind, key = request.headers.get("content-type", ""), request.headers.get("idempotency-key", "")[:255]
        async with gateway.body_of(request) as body:
            items = await off_loop(len(body), items_of, body, kind, request.headers, request.query_params)
            return _answer(await _taken(gateway, items, source, key))

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> JSONResponse:
        return error.response

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        return Problem(HTTPStatus(error.status_code), error.detail, error.headers).response

    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["components"] = {
            **document.get("components", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation extends it
    return app
