"""Problem details for HTTP APIs (RFC 9457): the one form of every refusal."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that is refused as a whole."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:  # noqa: ANN401 - members of the problem
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more

    @property
    def response(self) -> JSONResponse:
        content = {"title": self.status.phrase, "status": int(self.status), "detail": self.detail, **self.more}
        return JSONResponse(content, self.status, self.headers, MEDIA_TYPE)
