"""One delivery to a webhook: the signed request, and what its answer means. As Standard Webhooks 1.0 has it."""

import base64
import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256

from services.desk.subscriptions.saved_search import SavedSearch
from shared.guarded_http import FetchError, FetchLimits, GuardedClient
from shared.messages import ArticleMatched

LIMITS = FetchLimits(max_bytes=64 * 1024, total_seconds=15.0, max_redirects=0)
# seconds after the first, second, … failure; three days in all, after which it is dead-lettered
DELAYS = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
_SUCCESS = range(200, 300)


class NotDelivered(Exception):  # noqa: N818 - what became of it
    """The receiver did not take a match; says why. ``wait`` is how many seconds it asks to be left alone, or 0."""

    def __init__(self, said: str, wait: float = 0.0) -> None:
        super().__init__(said)
        self.wait = wait


def message_id(match: ArticleMatched) -> str:
    """Return the id of a match; every try of it has the same, so a receiver can tell a repetition."""
    return f"{match.search}-{match.id}-{match.version}"


def body(match: ArticleMatched, at: datetime) -> bytes:
    """Return what is sent: type, time of the try, and the match."""
    data = match.model_dump(mode="json")
    return json.dumps(
        {"type": "article.matched", "timestamp": at.isoformat(), "data": data}, ensure_ascii=False
    ).encode()


def signed(search: SavedSearch, match: ArticleMatched, content: bytes, at: datetime) -> dict[str, str]:
    """Return the headers of a try: HMAC-SHA256 of id, timestamp and body with the key of the search."""
    identifier, timestamp = message_id(match), str(int(at.timestamp()))
    mac = hmac.new(search.key, f"{identifier}.{timestamp}.".encode() + content, sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


async def deliver(client: GuardedClient, search: SavedSearch, match: ArticleMatched, limits: FetchLimits) -> None:
    """Send a match once; raises NotDelivered unless the receiver answers 2xx in time. Redirects are no success."""
    now = datetime.now(UTC)
    content = body(match, now)
    try:
        answer = await client.send(
            "POST", search.webhook or "", content=content, headers=signed(search, match, content, now), limits=limits
        )
    except FetchError as error:
        raise NotDelivered(str(error)) from None
    if answer.status not in _SUCCESS:
        raise NotDelivered(f"it answered {answer.status}", _retry_after(answer.headers.get("retry-after", "")))


def _retry_after(value: str) -> float:
    return (
        min(float(value), DELAYS[-1]) if value.isascii() and value.isdecimal() and len(value) < len("100000") else 0.0
    )
