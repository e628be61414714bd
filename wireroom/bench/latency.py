"""Seconds from publishing an article until the store has announced it."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from shared.messages import ArticleStored
from wireroom.publisher.submissions import Submission

_PATIENCE = 60.0


class Announced:
    """When the store announced each version; ``watching`` makes one."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._news = asyncio.Condition()

    async def note(self, message: Msg) -> None:
        now = time.perf_counter()
        async with self._news:
            self._at[ArticleStored.model_validate_json(message.data).version] = now
            self._news.notify_all()

    async def moment(self, version: int) -> float:
        """Wait for a version and return when it was announced; raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(lambda: version in self._at)
            return self._at[version]


@asynccontextmanager
async def watching(js: JetStreamContext) -> AsyncIterator[Announced]:
    announced, config = Announced(), ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
    reader = await js.subscribe(
        "news.v1.stored.>", stream="NEWS", cb=announced.note, ordered_consumer=True, config=config
    )
    try:
        yield announced
    finally:
        await reader.unsubscribe()


async def one_by_one(
    js: JetStreamContext, submissions: Sequence[Submission], alone: Callable[[int], float]
) -> tuple[list[float], list[float]]:
    """Return the seconds of each through everything, and by itself in turn: whatever else runs falls on both."""
    through, by_itself = [], []
    async with watching(js) as announced:
        for number, submission in enumerate(submissions):
            through.append(await _through(js, submission, announced))
            by_itself.append(alone(number))
    return through, by_itself


async def at_rate(js: JetStreamContext, submissions: Sequence[Submission], rate: float) -> list[float]:
    """Return the seconds of each, published so many a second, whether the ones before are through or not."""
    async with watching(js) as announced, asyncio.TaskGroup() as group:
        began, tasks = time.perf_counter(), []
        for number, submission in enumerate(submissions):
            await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
            tasks.append(group.create_task(_through(js, submission, announced)))
        return [await task for task in tasks]


async def _through(js: JetStreamContext, submission: Submission, announced: Announced) -> float:
    began = time.perf_counter()
    version = (await js.publish("news.v1.submitted", submission.data, stream="INBOX", timeout=10)).seq
    return await announced.moment(version) - began


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100) - 1, 0)]
