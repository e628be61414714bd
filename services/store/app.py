"""news.v1.extracted -> store -> MongoDB, then news.v1.stored: each version once, and never back.

news.v1.withdrawn -> store: the article and its history are deleted, and stay so.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from faststream import Context, ContextRepo, FastStream
from faststream.specification import AsyncAPI

from services.store.mongo_connection import open_check, usable
from services.store.repository import Articles, connect
from shared.broker.withdrawals import Withdrawn, withdrawal
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleStored, ArticleWithdrawn, Outcome
from shared.runtime.batching import Batcher
from shared.runtime.delivery import Attempts
from shared.runtime.service import Broker, until_available
from shared.runtime.subscriber import of
from shared.settings import Settings
from shared.topology import STORE

BATCH = 100  # measured: 100 to 200 documents give the best rate at a latency below 50 ms
_KEPT = tuple(name for name in ArticleStored.model_fields if name in ArticleExtracted.model_fields)


def app(settings: Settings, attempts: Attempts | None = None) -> FastStream:
    """Make the service; nothing connects before it is run."""
    broker = Broker("store", settings, attempts=attempts)
    subscriber = broker.subscriber(STORE)

    @subscriber(filter=of(ArticleExtracted))
    @broker.publisher(ArticleStored)
    async def store(
        article: ArticleExtracted, batches: Annotated[Batcher[ArticleExtracted, Outcome], Context()]
    ) -> ArticleStored | ArticleWithdrawn:
        """Write a version, and announce what became of it."""
        try:
            return stored(article, await batches.submit(article))
        except Withdrawn as withdrawn:
            return withdrawal(article, withdrawn.reason)

    @subscriber(filter=of(ArticleWithdrawn))
    async def withdraw(event: ArticleWithdrawn, articles: Annotated[Articles, Context()]) -> None:
        """Delete an article and its history."""
        await articles.withdraw(event)

    @asynccontextmanager
    async def lifespan(context: ContextRepo) -> AsyncIterator[None]:
        async with connect(settings.mongo_url) as client:
            with usable():
                articles = Articles(client[settings.mongo_database])
            await until_available(articles.prepare)

            async def write(batch: Sequence[ArticleExtracted]) -> Sequence[Outcome | Rejected | Withdrawn]:
                return await articles.write(batch)

            async with (
                Batcher[ArticleExtracted, Outcome](
                    write, size=BATCH, add_span=broker.add_span, span="write"
                ).running() as batches,
                open_check(settings) as check,
            ):
                context.set_global("articles", articles)
                context.set_global("batches", batches)
                broker.depends_on(check)
                yield

    return FastStream(broker, lifespan=lifespan, specification=AsyncAPI(title="Wireroom store", version="v1"))


def stored(article: ArticleExtracted, outcome: Outcome) -> ArticleStored:
    """Say what became of the article; readers take the rest from MongoDB or from the extracted event."""
    return ArticleStored(outcome=outcome, **{name: getattr(article, name) for name in _KEPT})
