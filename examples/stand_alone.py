"""Reads clean articles and take-downs in their order; imports nothing of Wireroom. Needs: pip install nats-py."""

import asyncio
import json
import os
from typing import Any

import nats
from nats.js.api import AckPolicy, ConsumerConfig

# One durable for both: two durables have no order between them, and a take-down could come before its article.
# Durable: the broker remembers how far we are; copies of this program share the work by sharing the name.
READER = ConsumerConfig(
    durable_name="my-reader",
    filter_subjects=["news.v1.extracted.>", "news.v1.withdrawn.>"],  # news.v1.extracted.en.* for English only
    ack_policy=AckPolicy.EXPLICIT,
)


def handle(subject: str, article: dict[str, Any]) -> None:
    if subject.startswith("news.v1.withdrawn."):
        print(f"{article['id']} version {article['version']}: withdrawn, {article['reason']}", flush=True)
        return
    names = ", ".join(f"{entity['name']} ({entity['label']})" for entity in article["entities"])
    print(f"{article['id']} version {article['version']}: {article['title']} | {names}", flush=True)


async def main() -> None:
    connection = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), max_reconnect_attempts=-1)
    js = connection.jetstream()
    await js.add_consumer("NEWS", READER)  # run again it changes nothing
    reader = await js.pull_subscribe_bind("my-reader", stream="NEWS")
    while True:
        try:
            messages = await reader.fetch(50, timeout=30)
        except TimeoutError:  # nothing new for 30 s
            continue
        for message in messages:
            handle(message.subject, json.loads(message.data))  # may come twice: key what you keep by id and version
            await message.ack()


asyncio.run(main())
