"""``POST /v1/articles``: submissions over HTTP, answered once the broker has them on disk.

202 means stored: the id and version of each article are final. Everything else is problem details (RFC 9457), and what
was refused was not taken.

FastAPI keeps the document and whatever else is asked for. The one request that comes thousands of times a second goes
past its router and its parameters, which take as much processor time as checking the article.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.http.gateway import Gateway, Outcome, unavailable
from services.ingest.http.refused_articles import problem_of, refused, status_of
from services.ingest.http.request_body import MEDIA_TYPES
from services.ingest.submission_gate import Taken
from shared import __version__
from shared.errors import Reason, Rejected, Unavailable
from shared.http.problem_details import MEDIA_TYPE, Problem
from shared.messages import ArticleSubmitted

_PATH = "/v1/articles"


def _answer(found: list[Outcome]) -> Response:
    """Return 202 where anything was taken, with what became of each; else the problem of the first."""
    if len(found) == 1:
        return _answer_of_one(found[0])
    results = [_result(each) for each in found]
    accepted = sum(isinstance(each, Taken) for each in found)
    missing = [each for each in found if isinstance(each, Unavailable)]
    content: dict[str, Any] = {"accepted": accepted, "refused": len(found) - accepted, "results": results}
    if missing:  # all of it can be sent again under the same Idempotency-Key
        problem = unavailable(missing[0])
        return Problem(problem.status, problem.detail, problem.headers, **content).response
    if accepted:
        return Response(orjson.dumps(content), HTTPStatus.ACCEPTED, media_type="application/json")
    first = next(each for each in found if isinstance(each, Rejected))
    return Problem(status_of(first), f"none of {len(found)} articles was taken", **content).response


def _answer_of_one(found: Outcome) -> Response:
    if isinstance(found, Taken):
        return Response(orjson.dumps(found.members), HTTPStatus.ACCEPTED, media_type="application/json")
    if isinstance(found, Rejected):
        return problem_of(found, {"Retry-After": "60"} if found.reason is Reason.OVER_QUOTA else {}).response
    return unavailable(found).response


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
    429: "The source is over its quota, or has too many requests under way.",
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


@dataclass(frozen=True)
class ArticlesApp:
    """The ASGI application: posts of articles are answered at once, everything else by ``others``."""

    gateway: Gateway
    others: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == _PATH and scope["method"] == "POST":
            answer = await _answered(self.gateway, Request(scope, receive))
            await answer(scope, receive, send)
        else:
            await self.others(scope, receive, send)


async def _answered(gateway: Gateway, request: Request) -> Response:
    try:
        return _answer(await gateway.outcomes(request))
    except Problem as problem:
        return problem.response


def create_app(gateway: Gateway) -> ArticlesApp:
    """Return the ASGI application; the gateway's connection is its owner's to open and close."""
    return ArticlesApp(gateway, _documented(gateway))


def _documented(gateway: Gateway) -> FastAPI:
    app = FastAPI(
        title="Wireroom ingest", version=__version__, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None
    )

    @app.post(
        _PATH,
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
    async def post_articles(request: Request) -> Response:
        """The answer is 202 once all accepted articles are on the broker's disk; of many, each has its own result."""
        return await _answered(gateway, request)

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
