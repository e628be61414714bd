"""news.v1.raw -> extract -> news.v1.extracted: clean text with entities, and what was taken away and why."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from services.extract import configured, pool, transport
from services.extract.boilerplate.learner import Learner
from services.extract.boilerplate.sightings import sighting
from services.extract.settings import ExtractSettings
from shared.messages import ArticleExtracted, ArticleIngested
from shared.runtime import probes
from shared.runtime.batching import Batcher
from shared.runtime.service import Delivery, Handler, Service
from shared.runtime.worker_thread import off_loop
from shared.settings import Settings
from shared.topology import EXTRACT

SLOWER = 8  # times as much is done for a byte when an article's lines are looked at
JOB = "services.extract.worker_job:open_job"


class Workers(Protocol):
    """What runs batches: processes, or, in tests of what is around them, a thread."""

    async def run(self, tasks: Sequence[pool.Task]) -> list[bytes | Exception]: ...


@asynccontextmanager
async def open_handler(
    settings: Settings, job: str = JOB, open_pool: Callable[..., AbstractAsyncContextManager[Workers]] = pool.opened
) -> AsyncIterator[Handler]:
    options = ExtractSettings()
    vocabulary = configured.rules(options).vocabulary
    learner = Learner(settings.nats_url)
    limits = pool.Limits(options.time_limit, options.memory_limit, options.renew_after)
    async with (
        learner.running(),
        open_pool(job, limits, workers=options.workers, on_loss=probes.end_process) as workers,
        Batcher(workers.run, size=options.batch, lanes=options.workers).running() as batches,
    ):

        async def extract(article: ArticleIngested, delivery: Delivery) -> ArticleExtracted:
            request = await off_loop(delivery.size, transport.request, article, learner.known(article.source))
            reply = await batches.submit(pool.Task(request))
            result = await off_loop(len(reply), transport.replied, reply)
            learner.note(article.source, await off_loop(SLOWER * len(reply), sighting, result, vocabulary))
            return result

        yield extract


def hand() -> int:
    """Twice what is worked on: the next batches are here when these are done."""
    options = ExtractSettings()
    return 2 * options.workers * options.batch


service = Service("extract", reads=EXTRACT, writes="NEWS", open_handler=open_handler, hand=hand)
