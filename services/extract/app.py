"""news.v1.raw -> extract -> news.v1.extracted: clean text with entities, what was removed and why."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Protocol

from faststream import Context, ContextRepo, FastStream
from faststream.specification import AsyncAPI

from services.extract import pool, transport
from services.extract.boilerplate.learner import Learner
from services.extract.settings import ExtractSettings
from shared.broker.encoded import Encoded, Undecoded
from shared.messages import ArticleExtracted
from shared.observability import probes
from shared.runtime.batching import Batcher
from shared.runtime.delivery import Attempts
from shared.runtime.service import Broker
from shared.runtime.worker_thread import off_loop
from shared.settings import Settings
from shared.topology import EXTRACT

JOB = "services.extract.worker_job:open_job"


class Workers(Protocol):
    """What runs batches: processes, or, in tests of what is around them, a thread."""

    async def run(self, tasks: Sequence[pool.Task]) -> list[bytes | Exception]: ...


OpenPool = Callable[..., AbstractAsyncContextManager[Workers]]


def app(
    settings: Settings, attempts: Attempts | None = None, *, job: str = JOB, open_pool: OpenPool = pool.opened
) -> FastStream:
    """Make the service; nothing connects and no model is loaded before it is run."""
    broker, options = Broker("extract", settings, attempts=attempts), ExtractSettings()
    prefetch = 2 * options.workers * options.batch  # the next batches are here when these are done

    @broker.subscriber(EXTRACT, prefetch=prefetch, decoded=False)
    @broker.publisher(ArticleExtracted)
    async def extract(
        article: Undecoded,
        learner: Annotated[Learner, Context()],
        batches: Annotated[Batcher[pool.Task, bytes], Context()],
    ) -> Encoded:
        """Clean an article and find its entities, in a worker process, which decodes the one and encodes the other."""
        reply = await batches.submit(pool.Task(transport.request(article, learner.known(article.source))))
        if broker.add_span:
            for step in transport.StepTimes.of(reply).spans():
                broker.add_span(*step)
        result, told = await off_loop(transport.head_size(reply), transport.replied, reply)
        learner.note(told.facts.source, told.sighting)
        return result

    @asynccontextmanager
    async def lifespan(context: ContextRepo) -> AsyncIterator[None]:
        learner = Learner(settings.nats_url)
        limits = pool.Limits(options.time_limit, options.memory_limit, options.renew_after)
        async with (
            learner.running(),
            open_pool(job, limits, workers=options.workers, on_loss=probes.end_process) as workers,
            Batcher(
                workers.run, size=options.batch, lanes=options.workers, add_span=broker.add_span
            ).running() as batches,
        ):
            context.set_global("learner", learner)
            context.set_global("batches", batches)
            yield

    return FastStream(broker, lifespan=lifespan, specification=AsyncAPI(title="Wireroom extract", version="v1"))
