"""news.v1.raw -> extract -> news.v1.extracted: clean text with entities, and what was taken away and why."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.extract.clean import packs
from services.extract.entities import load
from services.extract.learning.learner import Learner
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
async def open_handler(settings: Settings) -> AsyncIterator[Handler]:
    options = ExtractSettings()
    packs.use(options.rules)
    learner = Learner(settings.nats_url)
    worker = Worker(await asyncio.to_thread(load, options.models), learner.known)
    async with learner.running(), Batcher(worker.run, size=options.batch).running() as batches:

        async def extract(article: ArticleIngested, _delivery: Delivery) -> ArticleExtracted:
            result = await batches.submit(article)
            learner.note(result)
            return result

        yield extract


# a parser or the model may hang on one article, and a thread cannot be ended from outside
service = Service(
    "extract", reads=EXTRACT, writes="NEWS", open_handler=open_handler, attempts=Attempts(time_limit=TIME_LIMIT)
)
