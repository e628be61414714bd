"""The poller beside the consumer of ingest: runs for as long as the service does, and costs nothing without feeds."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.ingest.feeds import registry
from services.ingest.feeds.feed_list import FeedListError, read_list
from services.ingest.feeds.feed_poll import ARTICLE_OUTCOMES, OUTCOMES
from services.ingest.feeds.feed_record import FeedRecord
from services.ingest.feeds.poller import Observe, Poller, feed_tools, utc_now
from services.ingest.feeds.registry import Registry, process_name
from services.ingest.feeds.schedule import FAILURES
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.errors import Unavailable, WrongSetting
from shared.http.http_listener import connected
from shared.observability.metrics import FEED_ARTICLES, FEED_FAILURES, FEED_POLLS, Metrics
from shared.runtime.service import kept_running
from shared.settings import Settings

log = logging.getLogger(__name__)

_LOOKS_EVERY = 2.0  # seconds between two tries to begin


@asynccontextmanager
async def feed_input(settings: Settings, options: IngestSettings, observe: Observe) -> AsyncIterator[None]:
    """Poll the feeds for as long as the block lasts; raises WrongSetting for a list that cannot be read.

    The connection to the broker is its own, so that polls delay no acknowledgement of the consumer.
    """
    records = _listed(options)
    async with kept_running(lambda: _run(settings, options, records, observe), "feeds are not polled"):
        yield


def _listed(options: IngestSettings) -> list[FeedRecord]:
    if options.feeds is None:
        return []
    try:
        return read_list(options.feeds, utc_now())
    except FeedListError as error:
        raise WrongSetting(f"WIREROOM_INGEST_FEEDS: {error}. Correct it or unset it.") from None


async def _run(settings: Settings, options: IngestSettings, listed: list[FeedRecord], observe: Observe) -> None:
    async with AsyncExitStack() as stack:
        js = (await connected(stack, settings.nats_url)).jetstream(timeout=10)
        await _add(js, listed)
        tools = await stack.enter_async_context(feed_tools(options.fetch_allowed, options.user_agent))
        gate = SubmissionGate(js, SourceQuotas(options), "feed")
        await Poller(Registry(js, process_name()), tools, gate, observe).run()


async def _add(js: JetStreamContext, listed: list[FeedRecord]) -> None:
    """Add what the settings list; waits for the broker."""
    waiting = [*listed]
    while waiting:
        try:
            if await registry.add(js, waiting[-1]):
                log.info("a feed of %s is added", waiting[-1].source)
            waiting.pop()
        except (Unavailable, NatsError, TimeoutError):
            await asyncio.sleep(_LOOKS_EVERY)


def feed_metrics(metrics: Metrics) -> Observe:
    """Return what counts for a service; each counter begins at 0, so that a first failure is seen as one."""
    counted = {
        "poll": (FEED_POLLS, OUTCOMES),
        "failure": (FEED_FAILURES, FAILURES),
        "article": (FEED_ARTICLES, ARTICLE_OUTCOMES),
    }
    for definition, labels in counted.values():
        for label in labels:
            metrics.count(definition, label, 0)

    def observe(what: str, label: str, number: int) -> None:
        metrics.count(counted[what][0], label, number)

    return observe
