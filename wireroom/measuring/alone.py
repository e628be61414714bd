"""The extract stage alone, in this process: what the whole path is held against."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from services.extract import tagging
from services.extract.settings import ExtractSettings
from services.extract.worker import extract_batch
from services.ingest.identity import ingested
from shared.messages import ArticleSubmitted


class Alone:
    """Loaded once, and warm."""

    def __init__(self, submissions: Sequence[ArticleSubmitted]) -> None:
        options, now = ExtractSettings(), datetime.now(UTC)
        self._batch, self._tagger = options.batch, tagging.tagger(options)
        self._raw = [ingested(item, version=number, received_at=now) for number, item in enumerate(submissions, 1)]
        extract_batch(self._raw[: self._batch], self._tagger)

    def rate(self) -> float:
        """Return articles a second, in batches as a worker takes them."""
        began = time.perf_counter()
        for start in range(0, len(self._raw), self._batch):
            extract_batch(self._raw[start : start + self._batch], self._tagger)
        return len(self._raw) / (time.perf_counter() - began)

    def seconds(self, number: int) -> float:
        """Return how long one article takes by itself."""
        began = time.perf_counter()
        extract_batch([self._raw[number]], self._tagger)
        return time.perf_counter() - began
