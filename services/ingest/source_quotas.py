"""Quotas of ingest: how many articles and bytes one source may submit, on the queue and over HTTP alike."""

from services.ingest.settings import IngestSettings
from shared.errors import Reason, Rejected
from shared.runtime.quotas import HOUR, WEEK, Allowance, Quota


class SourceQuotas:
    """What is left to each source; an input of its own has quotas of its own."""

    def __init__(self, options: IngestSettings) -> None:
        self._articles = Quota(Allowance(options.source_articles, HOUR, "articles"))
        self._bytes = Quota(Allowance(options.source_bytes, WEEK, "bytes"))

    def take(self, source: str, size: int) -> None:
        """Count an article of ``size`` bytes; raises Rejected where its source is over a quota."""
        for quota, amount in ((self._articles, 1), (self._bytes, size)):
            if not quota.take(source, amount):
                raise Rejected(Reason.OVER_QUOTA, f"source {source} is over its quota of {quota.allowance}")
