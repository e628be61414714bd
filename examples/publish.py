"""Puts one article on the queue; imports nothing of Wireroom. Needs: pip install nats-py."""

import asyncio
import json
import os

import nats

ARTICLE = {
    "source": "harbour-gazette",
    "guid": "hg-2026-0301-17",
    "updated_at": "2026-03-01T09:30:30Z",
    "url": "https://harbour-gazette.example/news/lock-opened",
    "title": "New lock opens at Tidewell",
    "body": "Marta Quillfeather opened the new lock at Tidewell on Sunday.\n\nBrackwater Engineering built it.",
}


async def main() -> None:
    connection = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    js = connection.jetstream(timeout=5)
    # One message id for each version: a retry is taken once, a correction is not taken for a retry.
    message_id = {"Nats-Msg-Id": f"{ARTICLE['guid']}:{ARTICLE['updated_at']}"}
    # returns once the broker has the article on disk
    acknowledgement = await js.publish(
        "news.v1.submitted", json.dumps(ARTICLE).encode(), stream="INBOX", headers=message_id
    )
    print(f"accepted as version {acknowledgement.seq}")
    await connection.close()


asyncio.run(main())
