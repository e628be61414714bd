"""The extract stage alone, in this process: what the whole path is held against."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from services.extract import configured, tagging
from services.extract.entities import Tagger
from services.extract.extraction import extract_batch
from services.extract.settings import ExtractSettings
from services.ingest.identity import ingested
from shared.messages import ArticleIngested, ArticleSubmitted


class Alone:
    """Begins each time as a worker does, with the words of the first articles; what it learns then is for that time."""

    def __init__(self, submissions: Sequence[ArticleSubmitted], warm: int) -> None:
        now = datetime.now(UTC)
        self._options, self._warm = ExtractSettings(), warm
        self._raw = [ingested(item, version=number, received_at=now) for number, item in enumerate(submissions, 1)]
        self._cleaner = configured.cleaner(self._options)
        self._tagger = self._fresh()

    def _fresh(self) -> Tagger:
        tagger = tagging.tagger(self._options)
        self._extract(self._raw[: self._warm], tagger)
        return tagger

    def _extract(self, raw: Sequence[ArticleIngested], tagger: Tagger) -> None:
        for start in range(0, len(raw), self._options.batch):
            extract_batch(raw[start : start + self._options.batch], self._cleaner, tagger)

    def rate(self) -> float:
        """Return articles a second, in batches as a worker takes them."""
        self._tagger = self._fresh()
        began = time.perf_counter()
        self._extract(self._raw, self._tagger)
        return len(self._raw) / (time.perf_counter() - began)

    def seconds(self, number: int) -> float:
        """Return how long one article takes by itself."""
        began = time.perf_counter()
        extract_batch([self._raw[number]], self._cleaner, self._tagger)
        return time.perf_counter() - began
