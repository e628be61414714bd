"""Valid messages for tests: a test names only the fields that it is about; people, places and companies are invented.

Every factory takes the fields of its message and raises pydantic's ValidationError where the message cannot have them.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from shared.messages import (
    ArticleExtracted,
    ArticleIngested,
    ArticleStored,
    ArticleSubmitted,
    ArticleWithdrawn,
    Entity,
    Pipeline,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PIPELINE = Pipeline(wireroom="0", rules="0")
BODY = (
    "The new lock at Tidewell was opened on Monday by Marta Bellamy, the mayor of the town.\n\n"
    "The works were carried out by Brackwater Engineering, a company that has kept the canal for forty years. "
    "Boats may pass from the first of the month, she told the people who had come to watch."
)


def a_submission(**fields: Any) -> ArticleSubmitted:  # noqa: ANN401 - whatever the message takes
    return ArticleSubmitted(**({"source": "harbour-gazette", "body": BODY} | fields))


def a_raw_article(**fields: Any) -> ArticleIngested:  # noqa: ANN401
    return ArticleIngested(**(_identity(fields) | {"body": BODY, "media_type": "text/plain"} | fields))


def an_extracted_article(**fields: Any) -> ArticleExtracted:  # noqa: ANN401
    made = {"language": "en", "paragraphs": tuple(BODY.split("\n\n")), "pipeline": PIPELINE}
    return ArticleExtracted(**(_identity(fields) | made | fields))


def a_stored_event(**fields: Any) -> ArticleStored:  # noqa: ANN401
    return ArticleStored(**(_identity(fields) | {"language": "en", "outcome": "inserted"} | fields))


def a_withdrawn_event(**fields: Any) -> ArticleWithdrawn:  # noqa: ANN401
    return ArticleWithdrawn(**(_identity(fields) | {"reason": "a test"} | fields))


def an_entity(name: str = "Marta Bellamy", **fields: Any) -> Entity:  # noqa: ANN401
    return Entity(**({"name": name, "label": "PERSON", "count": 1} | fields))


def _identity(fields: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.sha256(repr(fields).encode()).hexdigest()
    return {
        "id": digest[:32],
        "version": 1,
        "content_hash": digest,
        "source": "harbour-gazette",
        "received_at": NOON,
    }
