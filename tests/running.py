"""Services and readers inside a test's own event loop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from functools import cache

from faststream import FastStream
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from services.extract import app as extract
from services.extract.pool import Job, Task
from services.extract.worker_job import open_job
from shared.messages import ArticleSubmitted
from shared.runtime.http_server import ServiceServer
from shared.runtime.run import App, load
from shared.settings import Settings

PATIENCE = 120.0  # no test waits longer for a message


class Thread:
    """Runs the job of extract in a thread of this process instead of in workers that may be killed."""

    def __init__(self, job: Job) -> None:
        self._job = job

    async def run(self, tasks: Sequence[Task]) -> list[bytes | Exception]:
        return [*await asyncio.to_thread(self._job, [task.payload for task in tasks])]


@asynccontextmanager
async def _in_this_process(*_given: object, **_options: object) -> AsyncIterator[Thread]:
    yield Thread(await asyncio.to_thread(_loaded_job))


@cache
def _loaded_job() -> Job:
    """Load the models once for all tests of this process."""
    return open_job()


def real_extract(settings: Settings) -> FastStream:
    """Make extract with its models and rules, without its processes, which have tests of their own."""
    return extract.app(settings, open_pool=_in_this_process)


def everything() -> list[App]:
    """Return the three services, last first, so that nothing is there before its reader; extract without processes."""
    return [load("store"), real_extract, load("ingest")]


@asynccontextmanager
async def running(*services: App, settings: Settings) -> AsyncIterator[None]:
    """Run services until the block ends; then stop them as a supervisor does, finishing their work."""
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(_one(service, settings))
        yield


@asynccontextmanager
async def _one(service: App, settings: Settings) -> AsyncIterator[None]:
    process = ServiceServer(service(settings))
    process.capture_signals = nullcontext  # type: ignore[method-assign, assignment] # signals belong to pytest
    task = asyncio.create_task(process.serve())
    try:
        while not process.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if task.done():
            await task
        yield
    finally:
        process.should_exit = True
        await task


async def publish(broker: Client, *articles: ArticleSubmitted | bytes) -> list[int]:
    """Publish submissions and return their places in INBOX, which are their versions."""
    js = broker.jetstream(timeout=10)
    places = []
    for article in articles:
        data = article if isinstance(article, bytes) else article.model_dump_json().encode()
        places.append((await js.publish(ArticleSubmitted.subject_pattern, data, stream="INBOX")).seq)
    return places


async def read(broker: Client, stream: str, subject: str, count: int) -> list[Msg]:
    """Return the first messages of a subject as they come, from the beginning of the stream."""
    subscription = await broker.jetstream().subscribe(
        subject, stream=stream, ordered_consumer=True, config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    )
    try:
        return [await subscription.next_msg(PATIENCE) for _ in range(count)]
    finally:
        await subscription.unsubscribe()


async def idle(broker: Client, stream: str, durable: str, seconds: float = PATIENCE) -> None:
    """Return once a reader has answered everything."""
    async with asyncio.timeout(seconds):
        while True:
            info = await broker.jetstream().consumer_info(stream, durable)
            if not info.num_pending and not info.num_ack_pending:
                return
            await asyncio.sleep(0.02)  # what is waited for needs the processor too
