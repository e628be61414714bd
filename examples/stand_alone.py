"""Reads every clean article, also those from before it started; imports nothing of Wireroom. pip install nats-py."""

import asyncio
import json
import os
from typing import Any

import nats
from nats.errors import TimeoutError as NothingNew

SUBJECT = "news.v1.extracted.>"  # news.v1.extracted.en.* for English only, ...*.harbour-gazette for one source


def handle(article: dict[str, Any]) -> None:
    names = ", ".join(f"{entity['name']} ({entity['label']})" for entity in article["entities"])
    print(f"{article['id']} version {article['version']}: {article['title']} | {names}", flush=True)


async def main() -> None:
    connection = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), max_reconnect_attempts=-1)
    # durable: the broker remembers how far we are; copies of this program share the work by sharing the name
    reader = await connection.jetstream().pull_subscribe(SUBJECT, durable="my-reader", stream="NEWS")
    while True:
        try:
            messages = await reader.fetch(50, timeout=30)
        except NothingNew:
            continue
        for message in messages:
            handle(json.loads(message.data))  # may see an article twice: key what you keep by id and version
            await message.ack()


asyncio.run(main())
