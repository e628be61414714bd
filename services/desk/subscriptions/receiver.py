"""Deliveries to one webhook. A durable consumer keeps what was delivered and how often the rest was tried.

Each receiver has a consumer, a client and a few requests of its own, so one that hangs delays no other.
"""

import logging
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from services.desk.subscriptions.saved_search import SavedSearch
from services.desk.subscriptions.webhook import DELAYS, LIMITS, NotDelivered, deliver
from shared.broker.dead_letters import DeadLetters
from shared.broker.withdrawals import Withdrawals
from shared.errors import Reason, Rejected, Unavailable
from shared.guarded_http import FetchLimits, GuardedClient
from shared.messages import ArticleMatched
from shared.runtime.subscriber import PullReader
from shared.topology import MATCHED, Consumer

log = logging.getLogger(__name__)

AT_ONCE = 4  # requests to one receiver
_ACK_WAIT = 60.0  # seconds; longer than one try
_UNANSWERED = 100_000  # matches that wait for their next try


def consumer_of(search: SavedSearch) -> Consumer:
    """Return the consumer of the matches of one search."""
    return Consumer(
        MATCHED, search.consumer, f"news.v1.matched.{search.name}", ArticleMatched, _ACK_WAIT, AT_ONCE, _UNANSWERED
    )


OpenClient = Callable[[], GuardedClient]


class Receiver:
    """Takes the matches of one search to its webhook while it is entered."""

    def __init__(
        self,
        search: SavedSearch,
        dead_letters: DeadLetters,
        withdrawals: Withdrawals,
        *,
        open_client: OpenClient = lambda: GuardedClient(connections=AT_ONCE),
        delays: tuple[float, ...] = DELAYS,
        limits: FetchLimits = LIMITS,
    ) -> None:
        self.search = search
        self._dead_letters, self._withdrawals = dead_letters, withdrawals
        self._client, self._delays, self._limits = open_client(), delays, limits
        self._reader = PullReader(consumer_of(search))

    async def start(self, connection: Client) -> None:
        """Begin to deliver; the consumer has to be there."""
        await self._client.__aenter__()
        await self._reader.start(connection, self._take)

    async def stop(self) -> None:
        """Finish the requests that are under way."""
        await self._reader.stop()
        await self._client.__aexit__()

    def ask_again(self) -> None:
        self._reader.ask_again()

    async def _take(self, raw: Msg) -> None:
        try:
            match = ArticleMatched.model_validate_json(raw.data)
        except ValidationError as error:
            await self._put(raw, Rejected(Reason.SCHEMA, str(error)))
            return
        if self._withdrawals.reason(match.id) is not None:
            await raw.ack()
            return
        attempt = raw.metadata.num_delivered
        try:
            await deliver(self._client, self.search, match, self._limits)
        except NotDelivered as failure:
            log.warning("webhook of %s, try %d: %s", self.search.name, attempt, failure)
            if attempt > len(self._delays):
                detail = f"{self.search.webhook} did not take it in {attempt} tries; the last: {failure}"
                await self._put(raw, Rejected(Reason.NOT_DELIVERED, detail))
            else:
                await raw.nak(delay=max(self._delays[attempt - 1], failure.wait))
        else:
            await raw.ack()

    async def _put(self, raw: Msg, rejection: Rejected) -> None:
        """Dead-letter a match and only then end it."""
        try:
            await self._dead_letters.put(raw, rejection)
        except Unavailable as outage:
            log.warning("%s; the match is tried again later", outage)
            await raw.nak(delay=_ACK_WAIT)
        else:
            await raw.term()
