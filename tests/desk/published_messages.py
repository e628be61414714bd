"""Messages for a desk under test: dead letters as services leave them, submissions, extracted articles."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

import nats

from shared.broker import provisioning
from shared.messages import ArticleExtracted, ArticleSubmitted
from wireroom.testing.factories import a_submission

T = TypeVar("T")


def elsewhere(made: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in another thread: the one of the tests has the event loop of the browser's driver."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, made).result()


async def prepared(url: str) -> None:
    """Give a broker all streams and consumers, empty ones."""
    await emptied(url)
    connection = await nats.connect(url)
    await provisioning.apply(connection.jetstream(timeout=10))
    await connection.close()


async def emptied(url: str) -> None:
    """Take all streams from a broker, which other tests use as well."""
    connection = await nats.connect(url)
    js = connection.jetstream(timeout=10)
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name or "")
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


async def extracted(url: str, article: ArticleExtracted) -> None:
    """Publish an extracted article."""
    connection = await nats.connect(url)
    await connection.jetstream(timeout=10).publish(article.subject, article.model_dump_json().encode(), stream="NEWS")
    await connection.close()


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
