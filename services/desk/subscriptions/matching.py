"""news.v1.extracted -> match -> news.v1.matched.<search>: one message for each saved search that an article meets.

All replicas share one durable consumer, so an article is matched once. What a replay brings is not new and is skipped.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from services.desk.subscriptions.matcher import Matcher
from services.desk.subscriptions.saved_search import SavedSearch
from shared.broker.envelope import REPLAY, accepted, headers
from shared.broker.permissions import SEARCHES
from shared.broker.publish import publish
from shared.broker.withdrawals import Withdrawals
from shared.decoding import decode
from shared.errors import Rejected, Unavailable
from shared.messages import ArticleExtracted, ArticleMatched
from shared.runtime.batching import Batcher
from shared.topology import MATCHED, NEWS, Consumer

log = logging.getLogger(__name__)

MATCHES = Consumer(NEWS, SEARCHES, "news.v1.extracted.>", ArticleExtracted, 60, 128, 512, own=True)
BATCH = 64
_AGAIN = 5.0  # seconds until an article is tried again where the broker did not take its match
_SUMMARY = 400  # code points
_ENTITIES = 10


class Matching:
    """Answers deliveries of `MATCHES`; ``searches`` returns those of now, by name."""

    def __init__(
        self, js: JetStreamContext, withdrawals: Withdrawals, searches: Callable[[], Mapping[str, SavedSearch]]
    ) -> None:
        self._js, self._withdrawals, self._searches = js, withdrawals, searches
        self._matcher = Matcher()
        self.batches = Batcher[ArticleExtracted, tuple[str, ...]](self._match, size=BATCH)

    async def take(self, raw: Msg) -> None:
        """Publish what a delivery matches, then acknowledge it."""
        given = accepted(raw.headers)
        try:
            article = decode(raw.data, ArticleExtracted, given)
            names = () if REPLAY in given else await self.batches.submit(article)
            for name in names:
                if self._withdrawals.reason(article.id) is None:
                    await self._publish(matched(name, article), given.get("traceparent"))
        except Rejected as rejection:  # the store dead-letters it
            log.warning("%s is not matched: %s", raw.subject, rejection)
            await raw.term()
        except Unavailable as outage:
            log.warning("%s; the article is matched again later", outage)
            await raw.nak(delay=_AGAIN)
        else:
            await raw.ack()

    async def _publish(self, match: ArticleMatched, trace: str | None) -> None:
        envelope = headers(match, service="desk", now=datetime.now(UTC), trace=trace)
        event = f"{envelope['ce-id']}:{match.search}"  # the same article may meet several
        envelope |= {"ce-id": event, "Nats-Msg-Id": event}
        await publish(self._js, match.subject, match.model_dump_json().encode(), stream=MATCHED, headers=envelope)

    async def _match(self, articles: Sequence[ArticleExtracted]) -> Sequence[tuple[str, ...]]:
        queries = {name: search.query for name, search in self._searches().items()}
        return await asyncio.to_thread(self._matcher.match, articles, queries)


def matched(search: str, article: ArticleExtracted) -> ArticleMatched:
    """Return the message that tells of an article that meets a search."""
    salient = sorted(article.entities, key=lambda entity: -entity.salience)[:_ENTITIES]
    known = {name: value for name, value in article if name in ArticleMatched.model_fields}
    return ArticleMatched(**known | {
        "search": search,
        "summary": article.text[:_SUMMARY],
        "entities": tuple(entity.model_copy(update={"mentions": ()}) for entity in salient),
    })  # fmt: skip
