"""Which subjects each user of the broker may publish and subscribe to: one table, from the topology.

Nothing else is allowed. The users below share the account that has JetStream, so they are trusted with its reply
subjects: whoever may ask JetStream for something can name any subject for the answer. Publishers and readers are not,
so each is in an account of its own and reaches only what is exported to it (``services/setup/broker_accounts.py``).

Whoever connects as a user receives answers below ``_INBOX.<user>``, and only the operator hears other inboxes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared import topology
from shared.broker import accounting
from shared.broker.nats_address import inbox
from shared.messages import (
    ArticleExtracted,
    ArticleIngested,
    ArticleMatched,
    ArticleStored,
    ArticleSubmitted,
    ArticleWithdrawn,
    Message,
)
from shared.topology import CONSUMERS, EXTRACT, INGEST, NEWS, STORE, Consumer, buckets, stream_of, streams

_API = "$JS.API"
DESK = "desk"  # user and durable of a reader that is part of the installation
SEARCHES = "desk-searches"  # durable of what saved searches are tried on; all desks share it
OPERATOR = "operator"  # of the command line
SETUP = "setup"
SNAPSHOTS, RESTORES = f"{_API}.STREAM.SNAPSHOT", f"{_API}.STREAM.RESTORE"  # of a stream; `wireroom backup|restore`
RESETS = f"{_API}.CONSUMER.RESET"  # of a stream's consumer


@dataclass(frozen=True)
class Access:
    """Subject patterns, ``publish`` including requests to JetStream."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def table(downstream: Iterable[str] = ()) -> Mapping[str, Access]:
    """Return what each user of the JetStream account may do, by name.

    ``downstream`` are services that stand in no list: each reads NEWS with a durable of its own name.
    """
    boilerplate, withdrawn = f"$KV.{topology.BOILERPLATE}", f"$KV.{topology.WITHDRAWN}"
    submissions = (ArticleSubmitted.subject_pattern, f"{ArticleSubmitted.subject_pattern}.*")
    users = {
        "ingest": (
            *_service("ingest", INGEST, ArticleIngested, ArticleWithdrawn),
            *submissions,  # of the HTTP input
            *_scan(f"KV_{topology.TOKENS}"),
            *_scan(f"KV_{topology.FEEDS}"),
            *_entries(topology.FEEDS, "*"),
            *_entries(topology.FEED_ENTRIES, "*"),
            *_entries(topology.WITHDRAWN, "*"),  # a source kills an article of its own
        ),
        "extract": (
            *_service("extract", EXTRACT, ArticleExtracted, ArticleWithdrawn),
            *_scan(EXTRACT.stream),
            *_entries(topology.ACCOUNTING, accounting.TRIMMED),
            *_scan(f"KV_{topology.BOILERPLATE}"),
            *_entries(topology.BOILERPLATE, "*"),
        ),
        "store": (
            *_service("store", STORE, ArticleStored, ArticleWithdrawn),
            *_info(EXTRACT.stream),  # NEWS is kept for as long as RAW has the article
            *_get(EXTRACT.stream),
        ),
        DESK: _desk(),
        SETUP: (
            *("$JS.API.>", "$JS.FC.>", *_backup(), "$JS.SNAPSHOT.RESTORE.>"),
            *_service("ingest", INGEST, ArticleIngested, ArticleWithdrawn),  # it ingests what a backup brought back
            *submissions,
            "news.held.submitted",
            *(f"$KV.{name}.>" for name in (topology.WITHDRAWN, topology.ACCOUNTING)),
        ),
        OPERATOR: _operator(),
    } | {name: _downstream(name) for name in downstream}
    hears = {
        "extract": (f"{boilerplate}.>",),
        DESK: (_pattern(ArticleMatched), "wireroom.desk.*.*"),
        OPERATOR: ("news.>", f"{boilerplate}.>", "wireroom.import.*", "_INBOX.>"),
    }
    return {
        name: Access(tuple(dict.fromkeys(publish)), (f"{inbox(name)}.>", f"{withdrawn}.>", *hears.get(name, ())))
        for name, publish in users.items()
    }


def reading(stream: str, durable: str) -> tuple[str, ...]:
    """Return what the reader of a durable publishes: requests, and its acknowledgements, of old and of new form."""
    return (
        f"{_API}.CONSUMER.INFO.{stream}.{durable}",
        f"{_API}.CONSUMER.MSG.NEXT.{stream}.{durable}",
        f"$JS.ACK.{stream}.{durable}.>",
        f"$JS.ACK.*.*.{stream}.{durable}.>",
    )


def _service(name: str, reads: Consumer, *writes: type[Message]) -> tuple[str, ...]:
    """Return what a service of the pipeline does: read, publish, dead-letter, and trim the stream it reads."""
    others = [each for each in CONSUMERS if each.stream == reads.stream and each != reads]
    return (
        *reading(reads.stream, reads.durable),
        *(_pattern(model) for model in writes),
        *(subject for model in writes for subject in _get(stream_of(model))),  # to compare what counts as a copy
        *_runtime(name, reads.stream, reads.durable),
        *_info(reads.stream),
        *_get(reads.stream),
        *(f"{_API}.CONSUMER.INFO.{each.stream}.{each.durable}" for each in others),
        f"{_API}.STREAM.MSG.DELETE.{reads.stream}",  # the text of what was withdrawn meanwhile
        *_trim(reads.stream),
    )


def _runtime(name: str, stream: str, durable: str) -> tuple[str, ...]:
    """Return what every service of ``shared/runtime`` does beside its work."""
    return (
        f"news.dead.{name}.*",
        *_get("DEAD"),
        *_entries(topology.SUSPECTS, f"{stream}.{durable}.*"),
        *_entries(topology.DEAD_LETTER_STATUS, "*"),  # how it went with a dead letter that was replayed
        *_scan(f"KV_{topology.WITHDRAWN}"),
    )


def _downstream(name: str) -> tuple[str, ...]:
    """Return what a service does that declares and reads a durable of NEWS, and publishes dead letters alone."""
    return (
        *_runtime(name, NEWS, name),
        *reading(NEWS, name),
        *(f"{_API}.CONSUMER.{what}.{NEWS}.{name}" for what in ("CREATE", "DURABLE.CREATE")),
    )


def _saved_searches() -> tuple[str, ...]:
    """Return what saved searches take: a durable on NEWS, and one for each webhook on a stream that is only theirs."""
    matched = topology.MATCHED
    return (
        *reading(NEWS, SEARCHES),
        *(f"{_API}.CONSUMER.{what}.{NEWS}.{SEARCHES}" for what in ("CREATE", "DURABLE.CREATE")),
        *(f"{_API}.CONSUMER.{what}.{matched}.*" for what in ("CREATE", "DURABLE.CREATE")),
        f"{_API}.CONSUMER.CREATE.{matched}.*.>",
        *reading(matched, "*"),
        *_scan(matched),
        *_get(matched),
        *_scan(f"KV_{topology.SEARCHES}"),
        _pattern(ArticleMatched),
    )


def _trim(stream: str) -> tuple[str, ...]:
    keeps = any(each.name == stream and each.metadata for each in streams())
    return (*_scan(stream), f"{_API}.STREAM.PURGE.{stream}") if keeps else ()


def _desk() -> tuple[str, ...]:
    """Return what the desk does: it reads everything, has durables, and for an administrator replays and drops.

    Replaying publishes a dead letter where it came from.
    """
    return (
        *_everything(),
        *_downstream(DESK),
        *_saved_searches(),
        *(_pattern(model) for model in (ArticleSubmitted, ArticleIngested, ArticleExtracted)),
        f"{ArticleSubmitted.subject_pattern}.*",
        *(f"{_API}.STREAM.MSG.DELETE.DEAD", f"$KV.{topology.DEAD_LETTER_STATUS}.*"),
        *("wireroom.desk.*.state", f"{inbox(DESK)}.>"),  # asks whether another desk has its name, and answers that
        f"{inbox(OPERATOR)}.>",  # answers `wireroom desk`
    )


def _operator() -> tuple[str, ...]:
    """Return what the command line does: everything but making, changing, emptying and deleting streams.

    It may make readers of NEWS, and read as them. It hears all inboxes: it may read every stream anyway, and so any
    client of NATS works as this user. It saves streams, and cannot restore one, which makes it.
    """
    return (
        *_everything(),
        *_backup(),
        *_readers(),
        *(f"{_API}.STREAM.MSG.DELETE.*", f"{_API}.STREAM.PURGE.DEAD"),
        "news.v1.>",  # submits, replays and withdraws
        "news.dead.>",
        *(f"$KV.{each.bucket}.>" for each in buckets()),
        *("wireroom.import.*", "wireroom.desk.*.*", "_INBOX.>"),
    )


def _everything() -> tuple[str, ...]:
    """Return what reading every stream, bucket and state takes."""
    names = [str(each.name) for each in streams()] + [f"KV_{each.bucket}" for each in buckets()]
    return (
        f"{_API}.INFO",
        *(f"{_API}.STREAM.{what}" for what in ("NAMES", "LIST")),
        *(f"{_API}.CONSUMER.{what}.*" for what in ("NAMES", "LIST")),
        f"{_API}.CONSUMER.INFO.*.*",
        *(subject for name in names for subject in (*_scan(name), *_get(name))),
    )


def _backup() -> tuple[str, ...]:
    """Return what saving whole streams takes, with the acknowledgements that let the broker send more."""
    return (f"{SNAPSHOTS}.*", "$JS.SNAPSHOT.ACK.>")


def _readers() -> tuple[str, ...]:
    """Return what making durable readers of NEWS and reading as them takes."""
    made = (f"{_API}.CONSUMER.DURABLE.CREATE.{NEWS}.*", f"{_API}.CONSUMER.CREATE.{NEWS}.>")
    return (*made, *reading(NEWS, "*"))


def _scan(stream: str) -> tuple[str, ...]:
    """Return what reading a stream from the beginning takes: a consumer without a name, which sends to an inbox."""
    return (
        *_info(stream),
        *(f"{_API}.CONSUMER.{what}.{stream}" for what in ("CREATE",)),
        *(f"{_API}.CONSUMER.{what}.{stream}.*" for what in ("INFO", "DELETE")),
        f"$JS.FC.{stream}.>",
    )


def _entries(bucket: str, keys: str) -> tuple[str, ...]:
    """Return what reading and writing some keys of a bucket takes."""
    return (*_info(f"KV_{bucket}"), *_get(f"KV_{bucket}"), f"$KV.{bucket}.{keys}")


def _info(stream: str) -> tuple[str, ...]:
    return (f"{_API}.STREAM.INFO.{stream}",)


def _get(stream: str) -> tuple[str, ...]:
    return (f"{_API}.STREAM.MSG.GET.{stream}",)


def _pattern(model: type[Message]) -> str:
    return ".".join("*" if "{" in token else token for token in model.subject_pattern.split("."))
