"""Problem details for HTTP APIs (RFC 9457): every refusal has one form, with a reason of the closed set."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from shared.errors import Reason, Rejected
from shared.messages import ArticleSubmitted

MEDIA_TYPE = "application/problem+json"
_STATUS: Mapping[Reason, HTTPStatus] = {
    Reason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Reason.OVER_QUOTA: HTTPStatus.TOO_MANY_REQUESTS,
}


class Problem(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that is refused as a whole."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:  # noqa: ANN401 - members of the problem
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more

    @property
    def response(self) -> JSONResponse:
        content = {"title": self.status.phrase, "status": int(self.status), "detail": self.detail, **self.more}
        return JSONResponse(content, self.status, self.headers, MEDIA_TYPE)


def status_of(refusal: Rejected) -> HTTPStatus:
    return _STATUS.get(refusal.reason, HTTPStatus.UNPROCESSABLE_ENTITY)


def refused(refusal: Rejected) -> dict[str, Any]:
    """Return the members that tell why one article was refused, with the field where one is to blame."""
    field = refusal.detail.removeprefix("field ").partition(":")[0].partition(" ")[0].partition(".")[0]
    named = {"field": field} if field in ArticleSubmitted.model_fields else {}
    return {"reason": refusal.reason.value, "detail": refusal.detail, **named}


def problem_of(refusal: Rejected, headers: Mapping[str, str] | None = None) -> Problem:
    members = refused(refusal)
    return Problem(status_of(refusal), members.pop("detail"), headers, **members)
