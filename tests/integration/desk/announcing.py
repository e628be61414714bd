"""Extracted articles as extract announces them."""

from typing import Any

from nats.aio.client import Client

from shared.broker.envelope import headers
from shared.messages import ArticleExtracted, Message
from wireroom.testing.factories import NOON, an_extracted_article


def article(number: int, version: int = 1, **fields: Any) -> ArticleExtracted:  # noqa: ANN401
    content = f"{number:032x}{version:032x}"
    identity = {"id": f"{number:032x}", "version": version, "content_hash": content, "title": f"Lock {number}"}
    return an_extracted_article(**(identity | fields))


async def announce(broker: Client, *messages: Message) -> int:
    """Publish as extract does, and return the last sequence."""
    js, sequence = broker.jetstream(timeout=10), 0
    for message in messages:
        given = headers(message, service="extract", now=NOON)
        ack = await js.publish(message.subject, message.model_dump_json().encode(), stream="NEWS", headers=given)
        sequence = ack.seq
    return sequence
