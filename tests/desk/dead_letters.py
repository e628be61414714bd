"""Dead letters as services leave them, published by tests."""

from datetime import UTC, datetime

import nats

from shared.broker import provisioning
from shared.messages import ArticleSubmitted
from wireroom.testing.factories import a_submission


async def prepared(url: str) -> None:
    """Give a broker all streams and consumers."""
    connection = await nats.connect(url)
    await provisioning.apply(connection.jetstream(timeout=10))
    await connection.close()


async def publish(url: str, data: bytes, *, reason: str = "schema", detail: str = "body: Field required") -> int:
    """Publish a letter of ingest and return its number."""
    facts = {
        "service": "ingest",
        "reason": reason,
        "detail": detail,
        "subject": ArticleSubmitted.subject_pattern,
        "stream": "INBOX",
        "at": datetime.now(UTC).isoformat(),
        "attempts": "1",
    }
    headers = {f"wireroom-{name}": value for name, value in facts.items()}
    connection = await nats.connect(url)
    acknowledged = await connection.jetstream(timeout=10).publish(f"news.dead.ingest.{reason}", data, headers=headers)
    await connection.close()
    return acknowledged.seq


async def submit(url: str) -> None:
    """Publish a submission, which waits for ingest."""
    connection = await nats.connect(url)
    data = a_submission().model_dump_json().encode()
    await connection.jetstream(timeout=10).publish(ArticleSubmitted.subject_pattern, data, stream="INBOX")
    await connection.close()


async def messages(url: str, stream: str) -> int:
    """Return how many messages a stream has."""
    connection = await nats.connect(url)
    found = (await connection.jetstream(timeout=10).stream_info(stream)).state.messages
    await connection.close()
    return found
