"""Refusals of articles as problem details: each with a reason of the closed set, and the field that is to blame."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.errors import Reason, Rejected
from shared.http.problem_details import Problem
from shared.messages import ArticleSubmitted

_STATUS: Mapping[Reason, HTTPStatus] = {
    Reason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Reason.OVER_QUOTA: HTTPStatus.TOO_MANY_REQUESTS,
}


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
