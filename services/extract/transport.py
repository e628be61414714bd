"""Articles between the service and its workers, as bytes: what goes out, and what comes back or is refused."""

import json
from collections.abc import Sequence

from services.extract.clean.rules.line_facts import LearnedBoilerplate
from shared.chunked_models import validated
from shared.errors import Reason, Rejected
from shared.messages import ArticleExtracted, ArticleIngested
from shared.topology import MAX_MESSAGE_BYTES

_EXTRACTED, _REJECTED = b"+", b"-"


def request(article: ArticleIngested, learned: LearnedBoilerplate) -> bytes:
    """Return the article, and on a second line what was learned of its source."""
    return article.model_dump_json().encode() + b"\n" + json.dumps(dict(learned)).encode()


def requested(payload: bytes) -> tuple[ArticleIngested, LearnedBoilerplate]:
    article, learned = payload.split(b"\n")
    return ArticleIngested.model_validate_json(article), json.loads(learned)


def replies(results: Sequence[ArticleExtracted | Exception]) -> list[bytes]:
    """Return one reply for each result; raise what is no verdict about an article."""
    return [_reply(result) for result in results]


def _reply(result: ArticleExtracted | Exception) -> bytes:
    if isinstance(result, ArticleExtracted):
        data = result.model_dump_json().encode()
        if len(data) <= MAX_MESSAGE_BYTES:
            return _EXTRACTED + data
        result = Rejected(Reason.TOO_LARGE, f"extracted it has {len(data)} bytes, more than {MAX_MESSAGE_BYTES}")
    if isinstance(result, Rejected):
        return _REJECTED + json.dumps([result.reason, result.detail]).encode()
    raise result


def replied(payload: bytes) -> ArticleExtracted:
    """Return the extracted article, or raise Rejected with the worker's verdict."""
    if payload.startswith(_EXTRACTED):
        return validated(payload[1:], ArticleExtracted)
    reason, detail = json.loads(payload[1:])
    raise Rejected(Reason(reason), detail)
