"""news.v1.submitted -> ingest -> news.v1.raw: checks a submission and gives it its identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.ingest.identity import ingested
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.service import Delivery, Handler, Service
from shared.settings import Settings
from shared.topology import INGEST


async def ingest(article: ArticleSubmitted, delivery: Delivery) -> ArticleIngested:
    """The version is the submission's place in INBOX: it only grows, and a redelivery keeps it."""
    return ingested(article, version=delivery.sequence, received_at=delivery.received_at)


@asynccontextmanager
async def open_handler(_settings: Settings) -> AsyncIterator[Handler]:
    yield ingest


service = Service("ingest", reads=INGEST, writes="RAW", open_handler=open_handler)
