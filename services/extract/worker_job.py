"""What the workers of extract do: made ready once in their template, models and all."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.extract import configured, tagging, transport
from services.extract.boilerplate.sightings import sighting
from services.extract.clean.cleaner import Cleaner
from services.extract.extraction import extract_batch, timed_batch
from services.extract.pool.worker import Job
from services.extract.settings import ExtractSettings
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleIngested

_SENTENCE = "The lock at Tidewell was opened on Monday by Marta Bellamy, the mayor of the town, as was long expected. "
_FIRST = (("text/plain", _SENTENCE * 4), ("text/html", f"<html><body><p>{_SENTENCE * 4}</p></body></html>"))


def open_job() -> Job:
    """Load everything, also what is loaded when it is first used: what the template has, its workers share."""
    options = ExtractSettings()
    cleaner, tagger = configured.cleaner(options), tagging.tagger(options)
    extract_batch([_article(media_type, body) for media_type, body in _FIRST], cleaner, tagger)

    def job(payloads: Sequence[bytes]) -> list[bytes]:
        requests = [transport.requested(payload) for payload in payloads]
        articles = [_decoded(request) for request in requests]
        good = [article for article in articles if isinstance(article, ArticleIngested)]
        results = iter(timed_batch(good, cleaner, tagger, {one.source: one.learned for one in requests}))
        return [
            _reply(*next(results), cleaner, verified=article.verified)
            if isinstance(article, ArticleIngested)
            else transport.reply(article)
            for article in articles
        ]

    return job


def _reply(
    result: ArticleExtracted | Exception, times: transport.StepTimes, cleaner: Cleaner, *, verified: bool
) -> bytes:
    if isinstance(result, ArticleExtracted):
        seen = sighting(result, cleaner.rules.vocabulary, verified=verified)
        return transport.reply(transport.Extracted(result, seen), times)
    return transport.reply(result, times)


def _decoded(request: transport.Request) -> ArticleIngested | Rejected:
    try:
        return request.decoded()
    except Rejected as rejection:
        return rejection


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
