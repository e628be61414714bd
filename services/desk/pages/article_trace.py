"""Where the broker still has the stages of an article: its raw, extracted and stored messages, with their times.

Streams are read from the moment the article was received, for a bounded time and number of messages.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from shared.messages import ArticleExtracted, ArticleIngested, ArticleStored
from shared.topology import EXTRACT, NEWS

_MOST = 2000  # messages of one stage that are looked at
_SECONDS = 1.0
_EARLIER = timedelta(seconds=1)  # clocks of brokers
_QUIET = 0.2  # seconds without a message: there is no more


@dataclass(frozen=True)
class Stage:
    """A message of an article: its stage, stream, sequence and the time when the broker had it on disk."""

    name: str
    stream: str
    sequence: int
    at: datetime
    data: bytes


@dataclass(frozen=True)
class Trace:
    """Which article and version is looked for, in what language, and since when."""

    id: str
    version: int
    source: str
    language: str
    received_at: datetime

    async def stages(self, js: JetStreamContext) -> tuple[Stage, ...]:
        """Return the stages that are found within a second; none where the broker does not answer."""
        places = (
            ("raw", EXTRACT.stream, ArticleIngested.subject_pattern.format(source=self.source)),
            ("extracted", NEWS, ArticleExtracted.subject_pattern.format(source=self.source, language=self.language)),
            ("stored", NEWS, ArticleStored.subject_pattern.format(source=self.source, language=self.language)),
        )
        found = await asyncio.gather(*(self._stage(js, *place) for place in places))
        return tuple(stage for stage in found if stage)

    async def raw(self, js: JetStreamContext) -> Stage | None:
        """Return the raw article as RAW has it; None where it is gone."""
        subject = ArticleIngested.subject_pattern.format(source=self.source)
        return await self._stage(js, "raw", EXTRACT.stream, subject)

    async def _stage(self, js: JetStreamContext, name: str, stream: str, subject: str) -> Stage | None:
        wanted = f":{self.id}:{self.version}"
        with suppress(TimeoutError, NatsError):
            async with asyncio.timeout(_SECONDS):
                async for message in _since(js, stream, subject, self.received_at - _EARLIER):
                    if (message.headers or {}).get("ce-id", "").endswith(wanted):
                        given = message.metadata
                        return Stage(name, stream, given.sequence.stream, given.timestamp, message.data)
        return None


async def _since(js: JetStreamContext, stream: str, subject: str, start: datetime) -> AsyncIterator[Msg]:
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=start)
    try:
        reader = await js.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
    except NotFoundError:
        return
    try:
        for _ in range(_MOST):
            try:
                message = await reader.next_msg(_QUIET)
            except TimeoutError:
                return
            yield message
            if not message.metadata.num_pending:
                return
    finally:
        await reader.unsubscribe()
