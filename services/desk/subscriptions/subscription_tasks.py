"""The saved searches of a desk at work: follows the bucket, matches, keeps feeds, and delivers to every webhook."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from services.desk.subscriptions.match_feed import Matches
from services.desk.subscriptions.matching import MATCHES, Matching
from services.desk.subscriptions.receiver import Receiver, consumer_of
from services.desk.subscriptions.saved_search import BUCKET, SavedSearch
from shared.broker.dead_letters import DeadLetters
from shared.broker.withdrawals import Withdrawals
from shared.errors import Unavailable
from shared.runtime.subscriber import PullReader
from shared.topology import Consumer

log = logging.getLogger(__name__)

_LOOK_EVERY = 30.0  # seconds, should a change not have been heard of
_CANCELS_EVERY = 1.0  # seconds
_AGAIN = 2.0  # seconds after a look that the broker did not answer

MakeReceiver = Callable[[SavedSearch, DeadLetters, Withdrawals], Receiver]


class Subscriptions:
    """What runs of saved searches in this process; made by `running`."""

    def __init__(self, connection: Client, js: JetStreamContext, make_receiver: MakeReceiver = Receiver) -> None:
        self._connection, self._js, self._make_receiver = connection, js, make_receiver
        self._withdrawals = Withdrawals()
        self._dead_letters = DeadLetters("desk", js)
        self._searches: Mapping[str, SavedSearch] = {}
        self._receivers: dict[str, Receiver] = {}
        self._changed = asyncio.Event()
        self._missed = False  # something may have been, while there was no connection
        self._reader: PullReader | None = None
        self._listening: JetStreamContext.PushSubscription | None = None
        self.matches = Matches(self._withdrawals)
        self.matching = Matching(js, self._withdrawals, lambda: self._searches)

    @property
    def searches(self) -> Mapping[str, SavedSearch]:
        """The saved searches of now, by name."""
        return self._searches

    async def reconnected(self) -> None:
        """Ask again for what a lost connection had asked for, and read what was not heard meanwhile."""
        for reader in (self._reader, *self._receivers.values()):
            if reader:
                reader.ask_again()
        self._missed = True
        self._changed.set()

    async def follow(self) -> None:
        """Hear of changes, and keep readers and receivers as the bucket has them; ends only by being cancelled."""
        await _until_answered(lambda: self._withdrawals.follow(self._connection, self._js))
        await _until_answered(lambda: self.matches.follow(self._connection, self._js))
        await _until_answered(self._listen)
        while True:
            self._changed.clear()
            if self._missed:
                self._missed = False
                await _until_answered(self._load)
            await _until_answered(self._apply)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._changed.wait()

    async def stop(self) -> None:
        """Finish what is under way."""
        if self._listening:
            with suppress(NatsError):  # the connection is closed already
                await self._listening.unsubscribe()
        stopping = [receiver.stop() for receiver in self._receivers.values()]
        await asyncio.gather(*stopping, *([self._reader.stop()] if self._reader else []))

    async def _load(self) -> None:
        """Read what was not heard while there was no connection."""
        await self._withdrawals.load(self._js)
        await self.matches.load(self._js)

    async def _listen(self) -> None:
        """Hear of each change once the bucket has it; a plain subscription hears of it before, and reads what was."""
        config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
        self._listening = await self._js.subscribe(
            BUCKET.subjects, stream=BUCKET.stream, ordered_consumer=True, config=config, cb=self._heard
        )

    async def _heard(self, _message: Msg) -> None:
        self._changed.set()

    async def _apply(self) -> None:
        found = await BUCKET.all(self._js)
        if found.foreign:
            log.warning("%d values of bucket %s are no saved searches and are skipped", found.foreign, BUCKET.name)
        self._searches = found.values
        self.matches.forget(self.matches.names - found.values.keys())
        if self._searches and self._reader is None:
            await _declare(self._js, MATCHES, min(search.created_at for search in self._searches.values()))
            self._reader = PullReader(MATCHES)
            await self._reader.start(self._connection, self.matching.take)
        for name, receiver in [*self._receivers.items()]:
            if found.values.get(name) != receiver.search:
                del self._receivers[name]
                await receiver.stop()
        for name, search in found.values.items():
            if search.webhook and name not in self._receivers:
                await _declare(self._js, consumer_of(search), search.created_at)
                receiver = self._make_receiver(search, self._dead_letters, self._withdrawals)
                await receiver.start(self._connection)
                self._receivers[name] = receiver


@asynccontextmanager
async def running(
    connection: Client, js: JetStreamContext, make_receiver: MakeReceiver = Receiver
) -> AsyncIterator[Subscriptions]:
    """Work while the block runs. The connection is the desk's; call `Subscriptions.reconnected` when it comes back."""
    subscriptions = Subscriptions(connection, js, make_receiver)
    async with subscriptions.matching.batches.running():
        task = asyncio.create_task(subscriptions.follow())
        try:
            yield subscriptions
        finally:
            while not task.done():  # a request that is answered at this moment takes a cancellation for itself
                task.cancel()
                await asyncio.wait([task], timeout=_CANCELS_EVERY)
            await subscriptions.stop()


async def _declare(js: JetStreamContext, consumer: Consumer, since: datetime) -> None:
    """Make a durable that begins with what came since then, unless it is there: then it goes on where it is."""
    try:
        await js.consumer_info(consumer.stream, consumer.durable)
    except NotFoundError:
        config = replace(consumer.config, deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=since)
        await js.add_consumer(consumer.stream, config)


async def _until_answered(step: Callable[[], Awaitable[None]]) -> None:
    """Do a step; while the broker does not answer, say so and try again."""
    while True:
        try:
            await step()
        except (NatsError, TimeoutError, Unavailable) as error:
            log.warning("saved searches wait for the broker: %s", str(error) or type(error).__name__)
            await asyncio.sleep(_AGAIN)
        else:
            return
