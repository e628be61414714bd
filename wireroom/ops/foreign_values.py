"""What others have put into our buckets and streams: readers skip it, and this counts it, so that a person can know."""

import re
from collections.abc import Mapping
from typing import Any

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.extract.boilerplate.shared_table import TABLES
from services.ingest.feeds.registry import RECORDS
from shared.broker.dead_letter_status import STATUSES
from shared.broker.kv import Bucket
from shared.broker.withdrawals import TOMBSTONES
from shared.runtime.crash_guard import COUNTS

_BUCKETS: tuple[Bucket[Any, Any], ...] = (COUNTS, TOMBSTONES, STATUSES, TABLES, RECORDS)
_SOURCE = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
_OURS: Mapping[str, re.Pattern[str]] = {  # INBOX takes one subject only
    "RAW": re.compile(rf"news\.v1\.raw\.{_SOURCE}"),
    "NEWS": re.compile(rf"news\.v1\.(?:(?:extracted|stored)\.[a-z]{{2,3}}|withdrawn)\.{_SOURCE}"),
    "DEAD": re.compile(r"news\.dead\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"),
}


async def count(js: JetStreamContext) -> dict[str, int]:
    """Return how many values and messages are none of ours, by bucket and stream that has some; reads the buckets."""
    found = {f"bucket {bucket.name}": (await bucket.all(js)).foreign for bucket in _BUCKETS}
    found |= {f"stream {name}": await _elsewhere(js, name, pattern) for name, pattern in _OURS.items()}
    return {name: number for name, number in found.items() if number}


async def _elsewhere(js: JetStreamContext, stream: str, ours: re.Pattern[str]) -> int:
    """Return how many messages lie on subjects that no service publishes on; the broker lists 100,000 subjects."""
    try:
        subjects = (await js.stream_info(stream, subjects_filter=">")).state.subjects or {}
    except NotFoundError:
        return 0
    return sum(number for subject, number in subjects.items() if not ours.fullmatch(subject))
