"""The whole JetStream topology on one page: what is kept, how long, and who reads it.

Applied by ``wireroom setup`` (``shared/broker/provisioning.py``) and by nobody else: services bind to what exists and
never declare a stream, because the last one to declare it would silently rewrite its limits. A service downstream of
NEWS declares its own consumer, ``Consumer(..., own=True)``, and stands in no list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from shared.limits import DEFAULTS, HOUR, MB, Limits
from shared.messages import ArticleExtracted, ArticleIngested, ArticleSubmitted, ArticleWithdrawn, Message

MAX_PAYLOAD = 4 * 1024 * 1024  # of the broker: a 2 MiB body, escaped as JSON, with its envelope
MAX_MESSAGE_BYTES = MAX_PAYLOAD - 64 * 1024  # so that setting a message aside has room for its headers
KEEP = (
    "wireroom-keep"  # seconds, in a stream's metadata: for how long what was read stays (shared/runtime/retention.py)
)
SERVICE = "wireroom-service"  # in a consumer's metadata: the service downstream that declared it
INSTANCE = "wireroom-instance"  # in a consumer's metadata: the one process that may read it, where others may not
NEWS = "NEWS"  # stream of what consumers read
MATCHED = "MATCHED"  # stream of what saved searches have found; a consumer for each webhook
SUSPECTS = "suspects"  # bucket of what was out when a process died: shared/runtime/crash_guard.py
WITHDRAWN = "withdrawn"  # bucket of tombstones: shared/broker/withdrawals.py
DEAD_LETTER_STATUS = "letters"  # bucket of what became of dead letters: shared/broker/dead_letter_status.py
TOKENS = "tokens"  # bucket of digests of access tokens: services/ingest/http/access_tokens.py
ACCOUNTING = "accounting"  # bucket of what left the streams in order: shared/broker/accounting.py
SEARCHES = "searches"  # bucket of saved searches: services/desk/subscriptions/saved_search.py
FEEDS = "feeds"  # bucket of feeds, their state and their leases: services/ingest/feeds/registry.py
FEED_ENTRIES = "feed-entries"  # bucket of digests of the entries that each feed has had
BOILERPLATE = "furniture"  # bucket of lines that articles of one source share: services/extract/boilerplate


@dataclass(frozen=True)
class Consumer:
    """One durable reader of a stream. Replicas share the work by sharing the name."""

    stream: str
    durable: str
    subject: str
    model: type[Message]
    ack_wait: float  # seconds without a sign of life until a message goes to another replica
    prefetch: int  # messages one process has in flight: some are worked on, the next are here already
    max_ack_pending: int  # out at once over all replicas: the bound on what a crash delivers again
    also: type[Message] | None = None  # what is read between the others, in the order of the stream
    by_source: bool = False  # reads also what is one token below its subject: the source that the broker knows
    own: bool = False  # of a service downstream, which declares it when it starts; `wireroom setup` knows nothing of it
    instance: str = ""  # of an own consumer that one process alone may read: which one; a later claim ends the earlier

    @property
    def subjects(self) -> list[str]:
        below = [f"{self.subject}.*"] if self.by_source else []
        return [self.subject, *below, *([] if self.also is None else [_every(self.also)])]

    @property
    def models(self) -> tuple[type[Message], ...]:
        return (self.model,) if self.also is None else (self.model, self.also)

    def model_of(self, subject: str) -> type[Message]:
        """Return what a message on this subject is."""
        also = self.also
        return also if also and subject.startswith(_every(also).removesuffix(">")) else self.model

    @property
    def metadata(self) -> dict[str, str]:
        """Return what an own consumer says of itself at the broker: the service, and the process that may read it."""
        said = {SERVICE: self.durable, INSTANCE: self.instance} if self.own else {}
        return {key: value for key, value in said.items() if value}

    @property
    def config(self) -> ConsumerConfig:
        # max_deliver stays unlimited: reaching it is silent loss. We count ourselves, in shared/runtime/delivery.py.
        return ConsumerConfig(
            durable_name=self.durable,
            filter_subjects=self.subjects,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait,
            max_deliver=-1,
            max_ack_pending=self.max_ack_pending,
            metadata=self.metadata or None,
        )


def _every(model: type[Message]) -> str:
    return model.subject_pattern.partition("{")[0] + ">"


INGEST = Consumer("INBOX", "ingest", "news.v1.submitted", ArticleSubmitted, 30, 128, 1024, by_source=True)
EXTRACT = Consumer("RAW", "extract", "news.v1.raw.>", ArticleIngested, 30, 64, 1024)
STORE = Consumer("NEWS", "store", "news.v1.extracted.>", ArticleExtracted, 30, 400, 4096, also=ArticleWithdrawn)
CONSUMERS = (INGEST, EXTRACT, STORE)
PIPELINE = tuple(consumer.durable for consumer in CONSUMERS)  # the services that every article passes


def _stream(
    name: str, subjects: list[str], *, max_bytes: int, replicas: int, age: float = 0, keep: float = 0
) -> StreamConfig:
    # age: the broker deletes what is older, read or not. keep: the service that reads the stream deletes what is older
    # once it was read, so unread work does not expire, whoever is down and however long; it fills the stream instead.
    # discard new: a full stream refuses its publisher, who waits; discarding old would drop unread work.
    # Not compressed: of three brokers one that was killed could not read its own blocks again (docs/decisions/0015).
    return StreamConfig(
        name=name,
        subjects=subjects,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        max_age=age,
        max_bytes=max_bytes,
        max_msgs=-1,
        max_msg_size=MAX_MESSAGE_BYTES,
        duplicate_window=HOUR,  # covers a publisher's retries; the store's version rule holds for ever
        storage=StorageType.FILE,
        num_replicas=replicas,
        metadata={KEEP: f"{keep:.0f}"} if keep else None,
    )


def streams(limits: Limits = DEFAULTS, replicas: int = 1) -> tuple[StreamConfig, ...]:
    """Return every stream."""
    inbox = _stream("INBOX", INGEST.subjects, max_bytes=limits.inbox_bytes, replicas=replicas)
    inbox.retention = RetentionPolicy.WORK_QUEUE  # a submission leaves once it is a raw article or dead-lettered
    news = ["news.v1.extracted.>", "news.v1.stored.>", "news.v1.withdrawn.>"]
    advisories = ["$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"]
    dead = _stream("DEAD", ["news.dead.>"], age=limits.dead_age, max_bytes=limits.dead_bytes, replicas=replicas)
    dead.max_msg_size = MAX_PAYLOAD
    return (
        inbox,
        _stream("RAW", ["news.v1.raw.>"], keep=limits.raw_age, max_bytes=limits.raw_bytes, replicas=replicas),
        _stream("NEWS", news, keep=limits.news_age, max_bytes=limits.news_bytes, replicas=replicas),
        _stream(
            MATCHED, ["news.v1.matched.>"], age=limits.news_age, max_bytes=limits.news_bytes // 8, replicas=replicas
        ),
        dead,
        _stream(
            "ADVISORIES",
            advisories,
            age=limits.advisories_age,
            max_bytes=limits.advisories_bytes,
            replicas=replicas,
        ),
    )


def buckets(limits: Limits = DEFAULTS, replicas: int = 1) -> tuple[KeyValueConfig, ...]:
    """Return every bucket of the services' own notes."""
    sizes: dict[str, tuple[float | None, int]] = {
        SUSPECTS: (limits.suspects_age, limits.suspects_bytes),
        WITHDRAWN: (None, limits.withdrawn_bytes),
        DEAD_LETTER_STATUS: (limits.letters_age, limits.letters_bytes),
        BOILERPLATE: (None, limits.furniture_bytes),
        ACCOUNTING: (None, 16 * MB),
        TOKENS: (None, 4 * MB),
        SEARCHES: (None, 4 * MB),
        FEEDS: (None, limits.feeds_bytes),
        FEED_ENTRIES: (None, limits.feed_entries_bytes),
    }
    return tuple(
        KeyValueConfig(name, ttl=age, max_bytes=size, storage=StorageType.FILE, replicas=replicas)
        for name, (age, size) in sizes.items()
    )


@lru_cache(maxsize=64)
def stream_of(model: type[Message]) -> str:
    """Return the name of the stream that keeps a message; raises LookupError if none does."""
    for stream in streams():
        for subject in stream.subjects or []:
            if model.subject_pattern == subject or model.subject_pattern.startswith(subject.removesuffix(">") + "{"):
                return str(stream.name)
    raise LookupError(f"no stream keeps {model.subject_pattern}")


def pattern_of(reads: Iterable[Consumer], stream: str, subject: str) -> str:
    """Return the subject pattern of a message that one of the consumers reads: of a closed set, unlike its subject."""
    return next((each.model_of(subject).subject_pattern for each in reads if each.stream == stream), "other")
