"""Prometheus metrics of a service: each defined once, with what it means and when to worry.

FastStream's middleware adds its own under the prefix ``faststream``; its ``handler`` and ``destination`` labels are
subject patterns and never subjects, because anyone can publish for a new source. All label values are closed sets.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from faststream.message import StreamMessage
from faststream.nats.prometheus.provider import NatsMetricsSettingsProvider
from faststream.prometheus import ConsumeAttrs
from faststream.prometheus.middleware import PrometheusMiddleware
from nats.aio.msg import Msg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shared import __version__
from shared.broker.encoded import ExtractedFacts
from shared.messages import ArticleExtracted, ArticleStored, Message
from shared.observability.process_state import State
from shared.topology import Consumer, pattern_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Definition:
    """A metric; ``worry`` says when a person should look."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    worry: str
    buckets: Sequence[float] = ()


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_LATENCY = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 86400)
_BYTES = tuple(4.0**power for power in range(4, 12))  # 256 bytes to 4 MiB

ARTICLES = Definition(
    "wireroom_articles_total",
    "counter",
    ("stage", "outcome"),
    "Messages answered for good, each counted once when the broker has the answer: raw, extracted, withdrawn, done, "
    "what the store made of it, or the reason of its dead letter.",
    "It stands still while wireroom_consumer_pending grows.",
)
STORED = Definition(
    "wireroom_articles_stored_total",
    "counter",
    ("outcome",),
    "Articles the store has dealt with: inserted, updated, duplicate or superseded.",
    "Nearly all are duplicate: a publisher sends everything again.",
)
DEAD_LETTERS = Definition(
    "wireroom_dead_letters_total",
    "counter",
    ("stage", "reason"),
    "Messages dead-lettered, by reason.",
    "It grows by crash_loop, time_limit, memory_limit or retries_exhausted, or by more than 1 % of all articles.",
)
RETRIES = Definition(
    "wireroom_retries_total",
    "counter",
    ("stage", "kind"),
    "Tries that were not the last: error, tried again by the broker after a delay; unavailable, held here until a "
    "dependency is back.",
    "error grows steadily, or unavailable grows for more than a minute.",
)
PENDING = Definition(
    "wireroom_consumer_pending",
    "gauge",
    ("stage",),
    "Messages that wait in the stream for this consumer, all replicas together, as of the last look (2 s).",
    "It grows for longer than a load peak lasts.",
)
ACK_PENDING = Definition(
    "wireroom_consumer_ack_pending",
    "gauge",
    ("stage",),
    "Messages delivered to this consumer and not answered yet, all replicas together.",
    "It stays at the consumer's max_ack_pending: nothing more is delivered.",
)
OLDEST = Definition(
    "wireroom_oldest_unprocessed_age_seconds",
    "gauge",
    ("stage",),
    "Age of the oldest message this process has in flight, from when its stream took it; 0 without any.",
    "More than a minute without a known backlog: this is the alert to have.",
)
STAGE_DURATION = Definition(
    "wireroom_stage_duration_seconds",
    "histogram",
    ("stage",),
    "From a message's arrival in this process to its answer, waiting for a batch or a worker included.",
    "Its 99th percentile nears ack_wait (30 s).",
    _SECONDS,
)
END_TO_END = Definition(
    "wireroom_end_to_end_seconds",
    "histogram",
    (),
    "From when the broker took a submission to when the store answered for the article.",
    "Its median is more than what readers of your articles accept.",
    _LATENCY,
)
SIZE = Definition(
    "wireroom_document_size_bytes",
    "histogram",
    ("stage",),
    "Size of the messages this service has read, without headers.",
    "Many reach 2 MiB: a publisher sends books or bombs.",
    _BYTES,
)
ENTITIES = Definition(
    "wireroom_entities_total",
    "counter",
    ("label",),
    "Entities found, by OntoNotes label; a label that only a model of your own has is other.",
    "PERSON or ORG stops while articles go on: the entity model is missing or wrong.",
)
BREAKER = Definition(
    "wireroom_breaker_open",
    "gauge",
    ("stage",),
    "1 while nearly all messages fail and one at a time is tried, else 0.",
    "It is 1: the service is broken, /readyz has the error.",
)
PROGRESS = Definition(
    "wireroom_last_progress_timestamp_seconds",
    "gauge",
    ("stage",),
    "When a message was last answered by this process, as a Unix time; 0 before the first.",
    "It is minutes old while wireroom_consumer_pending is not 0.",
)
IN_FLIGHT = Definition(
    "wireroom_in_flight",
    "gauge",
    ("stage",),
    "Messages in flight in this process.",
    "It stays at the prefetch limit while wireroom_articles_total stands still.",
)
HELD = Definition(
    "wireroom_held",
    "gauge",
    ("stage",),
    "Messages held while a dependency is unavailable.",
    "It is not 0 for more than a minute; /readyz names the dependency.",
)
HELD_SECONDS = Definition(
    "wireroom_held_seconds",
    "gauge",
    ("stage",),
    "For how long the first of the held messages has waited.",
    "More than a minute.",
)
LOOP_LONGEST = Definition(
    "wireroom_loop_longest_seconds",
    "gauge",
    ("stage",),
    "Longest delay of the event loop in the last minute.",
    "More than 1 s: something blocks the loop, or the machine has no processor free.",
)
FEED_POLLS = Definition(
    "wireroom_feed_polls_total",
    "counter",
    ("outcome",),
    "Polls of feeds by this process: new, unchanged, moved, gone, failed, or interrupted by the broker's absence.",
    "failed is more than a tenth of all; interrupted grows.",
)
FEED_FAILURES = Definition(
    "wireroom_feed_failures_total",
    "counter",
    ("reason",),
    "Failed polls of feeds, by reason.",
    "dns, connect or timeout grow for all feeds at once: this machine does not reach the internet.",
)
FEED_ARTICLES = Definition(
    "wireroom_feed_articles_total",
    "counter",
    ("outcome",),
    "Entries of feeds dealt with: published, duplicate (the broker has it), refused, page_failed, or robots.",
    "page_failed or robots grow as fast as published: pages are needed that cannot be fetched.",
)
BUILD = Definition(
    "wireroom_build_info",
    "gauge",
    ("version", "schema"),
    "Always 1; the release and the version of the messages are its labels.",
    "Replicas differ for longer than a deployment takes.",
)
DEFINITIONS = (
    *(ARTICLES, STORED, DEAD_LETTERS, RETRIES, PENDING, ACK_PENDING, OLDEST, STAGE_DURATION, END_TO_END, SIZE),
    *(ENTITIES, BREAKER, PROGRESS, IN_FLIGHT, HELD, HELD_SECONDS, LOOP_LONGEST, BUILD),
    *(FEED_POLLS, FEED_FAILURES, FEED_ARTICLES),
)
_LABELS = frozenset({
    *("PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE"),
    *("DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL", "PER", "MISC"),
})  # fmt: skip


@dataclass(frozen=True)
class Processed:
    """A message that was answered for good; ``result`` is what was published for it, if anything was."""

    outcome: str
    seconds: float
    size: int
    result: Message | None = None
    dead_letter: bool = False


class Metrics:
    """The metrics of one service in one process, in a registry of their own."""

    def __init__(self, stage: str, state: State) -> None:
        self.registry = CollectorRegistry()
        self.stage = stage
        self._made: dict[str, Any] = {each.name: self._make(each) for each in DEFINITIONS}
        self._made[BUILD.name].labels(__version__, "v1").set(1)
        self._last_progress = 0.0
        self._articles: dict[str, Any] = {}  # by outcome: to look labels up anew takes longer than to count
        self._duration, self._size = (self._made[each.name].labels(stage) for each in (STAGE_DURATION, SIZE))
        self._read(PENDING, lambda: state.lag.get("pending", 0))
        self._read(ACK_PENDING, lambda: state.lag.get("unanswered", 0))
        self._read(OLDEST, lambda: state.oldest_age(datetime.now(UTC)))
        self._read(BREAKER, lambda: bool(state.breaker.reason))
        self._read(PROGRESS, lambda: self._last_progress)
        self._read(IN_FLIGHT, lambda: state.count)
        self._read(HELD, lambda: state.held()["held"])
        self._read(HELD_SECONDS, lambda: state.held()["held_seconds"])
        self._read(LOOP_LONGEST, lambda: state.loop.report()["loop_longest_ms_last_minute"] / 1000)

    def processed(self, message: Processed) -> None:
        """Count a message that was answered for good; exactly once for each."""
        stage, result = self.stage, message.result
        self._last_progress = time.time()
        if (counter := self._articles.get(message.outcome)) is None:
            counter = self._articles[message.outcome] = self._made[ARTICLES.name].labels(stage, message.outcome)
        counter.inc()
        self._duration.observe(message.seconds)
        self._size.observe(message.size)
        if message.dead_letter:
            self._made[DEAD_LETTERS.name].labels(stage, message.outcome).inc()
        if isinstance(result, ArticleStored):
            self._made[STORED.name].labels(result.outcome).inc()
            self._made[END_TO_END.name].observe(max((datetime.now(UTC) - result.received_at).total_seconds(), 0.0))
        elif isinstance(result, ArticleExtracted):
            result = ExtractedFacts.of(result)
        if isinstance(result, ExtractedFacts):
            for label, count in result.entities.items():
                self._made[ENTITIES.name].labels(label if label in _LABELS else "other").inc(count)

    def retried(self, kind: str) -> None:
        self._made[RETRIES.name].labels(self.stage, kind).inc()

    def count(self, definition: Definition, label: str, number: int = 1) -> None:
        """Add to a counter with one label, of a closed set."""
        self._made[definition.name].labels(label).inc(number)

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self.registry)

    def _make(self, definition: Definition) -> Counter | Gauge | Histogram:
        name, meaning, labels = definition.name, definition.meaning, definition.labels
        if definition.kind == "counter":
            return Counter(name, meaning, labels, registry=self.registry)
        if definition.kind == "gauge":
            return Gauge(name, meaning, labels, registry=self.registry)
        return Histogram(name, meaning, labels, registry=self.registry, buckets=definition.buckets)

    def _read(self, definition: Definition, read: Callable[[], float]) -> None:
        self._made[definition.name].labels(self.stage).set_function(read)


class _Patterns(NatsMetricsSettingsProvider):
    """FastStream's facts of a message, with the pattern of its subject in place of the subject."""

    __slots__ = ("_reads",)

    def __init__(self, reads: Sequence[Consumer]) -> None:
        super().__init__()
        self._reads = reads

    def get_consume_attrs_from_message(self, msg: StreamMessage[Msg]) -> ConsumeAttrs:
        raw = msg.raw_message
        pattern = pattern_of(self._reads, raw.metadata.stream, raw.subject)
        return {"destination_name": pattern, "message_size": len(raw.data), "messages_count": 1}


def faststream_metrics(metrics: Metrics, reads: Sequence[Consumer]) -> PrometheusMiddleware[Any, Any]:
    """Return FastStream's own middleware; outside ours, so that it sees the pattern and each message once."""
    provider = _Patterns(reads)
    return PrometheusMiddleware(
        settings_provider_factory=lambda _message: provider, registry=metrics.registry, app_name=metrics.stage
    )
