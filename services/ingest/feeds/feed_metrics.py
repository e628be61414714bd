"""Polls, failures and articles of feeds as metrics; every label is of a closed set."""

from services.ingest.feeds.feed_poll import ARTICLE_OUTCOMES, OUTCOMES
from services.ingest.feeds.poller import Observe
from services.ingest.feeds.schedule import FAILURES
from shared.observability.metrics import FEED_ARTICLES, FEED_FAILURES, FEED_POLLS, Metrics


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
