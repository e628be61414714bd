"""news.v1.raw -> extract -> news.v1.extracted: clean text with entities, and what was taken away and why."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.extract.entities import load
from services.extract.settings import ExtractSettings
from services.extract.worker import Worker
from shared.batching import Batcher
from shared.deliveries import Attempts
from shared.messages import ArticleExtracted, ArticleIngested
from shared.service import Delivery, Handler, Service
from shared.settings import Settings
from shared.topology import EXTRACT

TIME_LIMIT = 60.0  # seconds, waiting for its batch included; a usual article takes a hundredth of one


@asynccontextmanager
async def open_handler(_settings: Settings) -> AsyncIterator[Handler]:
    options = ExtractSettings()
    worker = Worker(await asyncio.to_thread(load, options.models))
    async with Batcher(worker.run, size=options.batch).running() as batches:

        async def extract(article: ArticleIngested, _delivery: Delivery) -> ArticleExtracted:
            return await batches.submit(article)

        yield extract


# a parser or the model may hang on one article, and a thread cannot be ended from outside
service = Service(
    "extract", reads=EXTRACT, writes="NEWS", open_handler=open_handler, attempts=Attempts(time_limit=TIME_LIMIT)
)
