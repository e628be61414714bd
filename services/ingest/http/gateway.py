"""Requests to submissions on the broker's disk: access tokens, limits, and the outcome of each article."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from nats.errors import Error as NatsError
from starlette.requests import ClientDisconnect, Request

from services.ingest.http.access_tokens import Tokens
from services.ingest.http.admission import Admission, Grown
from services.ingest.http.request_body import MAX_REQUEST, Item, items_of, read_bounded
from services.ingest.submission_gate import Checked, SubmissionGate, Taken, checked
from shared.errors import Rejected, Unavailable
from shared.http.problem_details import Problem
from shared.runtime.worker_thread import off_loop

READ_TIMEOUT = 30.0  # seconds for the whole body; a slow client holds nothing longer
_PUBLISHED_AT_ONCE = 128  # of one request
_LONGEST_KEY = 255  # characters

Outcome = Taken | Rejected | Unavailable


@dataclass(frozen=True)
class _Submission:
    """An article of a request, checked; ``key`` is the publisher's own id of it."""

    checked: Checked
    key: str | None
    withdraws: str | None


@dataclass
class Gateway:
    """What stands between a request and INBOX. ``open_to_all``: no token is asked for while none was made."""

    gate: SubmissionGate
    tokens: Tokens
    open_to_all: bool = False
    admission: Admission = field(default_factory=Admission)

    async def outcomes(self, request: Request) -> list[Outcome]:
        """Return what became of each article of a request, in its order; raises Problem where it is refused whole."""
        headers = request.headers
        source = await self._source_of(headers.get("authorization", ""))
        _check_length(headers)
        kind, key = headers.get("content-type", ""), headers.get("idempotency-key", "")[:_LONGEST_KEY]
        with self.admission.request(source) as grown:
            body = await _read(request, headers.get("content-encoding", "").strip().lower(), grown)
            query = request.query_params
            found = await off_loop(len(body), _submissions, body, kind, headers, query, source)
            del body
            if len(found) == 1:
                return [await self._outcome(found[0], key)]
            return await self._outcomes(found, key)

    async def _source_of(self, authorization: str) -> str | None:
        """Return the source that a request may publish for, None for any; raises Problem 401 and 503."""
        try:
            if not authorization and self.open_to_all and not await self.tokens.known():
                return None
            token = await self.tokens.of(authorization)
        except (NatsError, TimeoutError, Unavailable) as error:
            raise unavailable(error) from None
        if token is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="wireroom"'}
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "a token is needed: `wireroom token add SOURCE` makes one", challenge
            )
        return token.source

    async def _outcomes(self, submissions: list[_Submission | Rejected], key: str) -> list[Outcome]:
        """Publish all, a bounded number at once."""
        found: list[Outcome | None] = [None] * len(submissions)
        left = iter(enumerate(submissions))

        async def work() -> None:
            for number, submission in left:
                found[number] = await self._outcome(submission, key, number)

        await asyncio.gather(*(work() for _ in range(min(_PUBLISHED_AT_ONCE, len(submissions)))))
        return [each for each in found if each is not None]

    async def _outcome(self, submission: _Submission | Rejected, key: str, number: int = 0) -> Outcome:
        if isinstance(submission, Rejected):
            return submission
        own = key or submission.key
        message_key = f"{own}\0{number}" if own else secrets.token_hex(16)
        try:
            return await self.gate.publish(submission.checked, message_key, withdraws=submission.withdraws)
        except (Rejected, Unavailable) as why:
            return why


def _submissions(
    body: bytes, kind: str, headers: Mapping[str, str], query: Mapping[str, str], source: str | None
) -> list[_Submission | Rejected]:
    """Return the articles of a body, each checked or why it is refused; raises Problem."""
    return [_submission(item, source) for item in items_of(body, kind, headers, query)]


def _submission(item: Item, source: str | None) -> _Submission | Rejected:
    if item.refusal:
        return item.refusal
    try:
        return _Submission(checked(item.data, source), item.key, item.withdraws)
    except Rejected as refusal:
        return refusal


def _check_length(headers: Mapping[str, str]) -> None:
    given = headers.get("content-length", "")
    if given.isdigit() and len(given) < 16 and int(given) > MAX_REQUEST:  # noqa: PLR2004
        said = f"the body has {int(given):,} bytes; at most {MAX_REQUEST:,} are taken"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said, reason="too_large")


async def _read(request: Request, encoding: str, grown: Grown) -> bytes:
    """Return the body, read within its limits of size, time and memory; raises Problem."""
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            return await read_bounded(request.stream(), encoding, grown)
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, f"the body took more than {READ_TIMEOUT:g} s") from None
    except ClientDisconnect:
        raise Problem(HTTPStatus.BAD_REQUEST, "the connection ended before the body did") from None


def unavailable(error: Exception) -> Problem:
    """Return what is answered while the broker takes nothing."""
    cause = str(error) if isinstance(error, Unavailable) else "it did not answer"
    said = f"the broker does not take articles now: {cause}"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, said, {"Retry-After": "2"})
