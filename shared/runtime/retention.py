"""Deletes what is older than a stream keeps, once it was read: by the service that reads the stream, every ten minutes.

The broker's own ``max_age`` deletes unread work as well, at the latest when the broker is started again after an
outage. So streams have none; what nobody reads stays, and fills the stream until it refuses its publishers.
"""

import asyncio
import logging
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from shared.broker import accounting
from shared.broker.accounting import place_of
from shared.broker.stream_reader import all_of
from shared.errors import Unavailable
from shared.topology import CONSUMERS, EXTRACT, KEEP, NEWS, Consumer

log = logging.getLogger(__name__)

EVERY = 600.0  # seconds
_INACTIVE = 60.0  # seconds until the broker forgets the consumer that was asked where a time is


async def keep_trimming(js: JetStreamContext, stream: str) -> None:
    """Trim for as long as the task lives; what fails is tried again the next time, for nothing depends on it soon."""
    while True:
        try:
            if count := await trim(js, stream, datetime.now(UTC)):
                log.info("%s: %s messages were read and are older than the stream keeps; deleted", stream, count)
        except (NatsError, TimeoutError, Unavailable) as error:
            log.warning("%s could not be trimmed: %s", stream, str(error) or type(error).__name__)
        await asyncio.sleep(EVERY)


async def trim(js: JetStreamContext, stream: str, now: datetime) -> int:
    """Delete what every service has read and is older than the stream keeps; return how many messages that were."""
    info = await js.stream_info(stream)
    keep = float((info.config.metadata or {}).get(KEEP, 0))
    if not keep or not info.state.messages:
        return 0
    before = now - timedelta(seconds=keep)
    if stream == NEWS and (oldest := await _oldest(js, EXTRACT.stream)):
        before = min(before, oldest)  # `wireroom audit` looks here for what became of each raw article
    cut = min(await _first_since(js, stream, before), await first_unread(js, stream, info.state.last_seq))
    if cut <= info.state.first_seq:
        return 0
    if stream == EXTRACT.stream:
        await accounting.note_trimmed(js, await _highest_place(js, cut))
    await js.purge_stream(stream, seq=cut)
    return info.state.messages - (await js.stream_info(stream)).state.messages


async def first_unread(js: JetStreamContext, stream: str, last: int) -> int:
    """Return where the first message is that a service of ours has not answered; ``last`` was looked up before."""
    readers = [consumer for consumer in CONSUMERS if consumer.stream == stream]
    return min([last + 1, *[await _first_unread(js, reader, last) for reader in readers]])


async def _first_unread(js: JetStreamContext, consumer: Consumer, last: int) -> int:
    try:
        info = await js.consumer_info(consumer.stream, consumer.durable)
    except NotFoundError:
        return 0  # made anew it reads all from the beginning
    if not info.num_pending and not info.num_ack_pending:
        return last + 1
    return (info.ack_floor.stream_seq if info.ack_floor else 0) + 1


async def _oldest(js: JetStreamContext, stream: str) -> datetime | None:
    state = (await js.stream_info(stream)).state
    return (await js.get_msg(stream, state.first_seq)).time if state.messages else None


async def _first_since(js: JetStreamContext, stream: str, moment: datetime) -> int:
    """Return the first sequence that is not older: where a consumer that starts at that time would begin."""
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_TIME,
        opt_start_time=moment,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=_INACTIVE,
        mem_storage=True,
        num_replicas=1,
    )
    info = await js.add_consumer(stream, config)
    await js.delete_consumer(stream, info.name)
    return (info.delivered.stream_seq if info.delivered else 0) + 1


async def _highest_place(js: JetStreamContext, cut: int) -> int:
    """Return the highest place in INBOX of the raw articles before a sequence."""
    highest = 0
    async with aclosing(all_of(js, EXTRACT.stream, EXTRACT.subject)) as messages:
        async for message in messages:
            if message.metadata.sequence.stream >= cut:
                break
            highest = max(highest, place_of(message.headers) or 0)
    return highest
