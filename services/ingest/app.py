"""news.v1.submitted -> ingest -> news.v1.raw: checks a submission and gives it its identity."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream import FastStream
from faststream.specification import AsyncAPI

from services.ingest.feeds.feed_input import feed_input, feed_metrics
from services.ingest.http.listener import http_input
from services.ingest.identity import ingested
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from shared.errors import Reason, Rejected
from shared.messages import ArticleIngested, ArticleSubmitted, verified_source
from shared.runtime.delivery import Attempts
from shared.runtime.middleware import Delivered
from shared.runtime.service import Broker
from shared.runtime.worker_thread import off_loop
from shared.settings import Settings
from shared.topology import INGEST

log = logging.getLogger(__name__)


async def identified(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
    """The version is the submission's place in INBOX: it only grows, and a redelivery keeps it.

    Raises Rejected where the broker knows the publisher as another source than the submission names.
    """
    size, version, at = delivery.size, delivery.sequence, delivery.received_at
    verified = is_verified(article, delivery.subject)
    raw = await off_loop(size, ingested, article, version=version, received_at=at, verified=verified)
    if article.url and not raw.url:
        log.warning("article %s: its link of %d characters is no web address and is left out", raw.id, len(article.url))
    return raw


def is_verified(article: ArticleSubmitted, subject: str) -> bool:
    """Tell whether its publisher is known to be its source; raises Rejected where it is known as another."""
    verified = verified_source(subject)
    if verified not in {None, article.source}:
        raise Rejected(Reason.WRONG_SOURCE, f"its publisher is {verified}, and it says {article.source}")
    return verified is not None


def app(settings: Settings, attempts: Attempts | None = None) -> FastStream:
    """Make the service; nothing connects before it is run."""
    broker, options = Broker("ingest", settings, attempts=attempts), IngestSettings()
    quotas = SourceQuotas(options)

    @broker.subscriber(INGEST)
    @broker.publisher(ArticleIngested)
    async def ingest(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
        """Check a submission and give it its identity."""
        is_verified(article, delivery.subject)  # before its quota is taken from another source
        quotas.take(article.source, delivery.size)
        return await identified(article, delivery)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with http_input(settings, options), feed_input(settings, options, feed_metrics(broker.metrics)):
            yield

    return FastStream(broker, lifespan=lifespan, specification=AsyncAPI(title="Wireroom ingest", version="v1"))
