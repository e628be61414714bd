"""What the workers of extract do: made ready once in their template, models and all."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.extract import configured, tagging, transport
from services.extract.extraction import extract_batch
from services.extract.pool.worker import Job
from services.extract.settings import ExtractSettings
from shared.messages import ArticleIngested

_SENTENCE = "The lock at Tidewell was opened on Monday by Marta Bellamy, the mayor of the town, as was long expected. "
_FIRST = (("text/plain", _SENTENCE * 4), ("text/html", f"<html><body><p>{_SENTENCE * 4}</p></body></html>"))


def open_job() -> Job:
    """Load everything, also what is loaded when it is first used: what the template has, its workers share."""
    options = ExtractSettings()
    cleaner, tagger = configured.cleaner(options), tagging.tagger(options)
    extract_batch([_article(media_type, body) for media_type, body in _FIRST], cleaner, tagger)

    def job(payloads: Sequence[bytes]) -> list[bytes]:
        requests = [transport.requested(payload) for payload in payloads]
        of_sources = {article.source: learned for article, learned in requests}
        return transport.replies(extract_batch([article for article, _ in requests], cleaner, tagger, of_sources))

    return job


def _article(media_type: str, body: str) -> ArticleIngested:
    return ArticleIngested(
        id="0" * 32,
        version=1,
        content_hash="0" * 64,
        source="warm-up",
        received_at=datetime.now(UTC),
        media_type=media_type,
        body=body,
    )
