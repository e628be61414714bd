"""Ingest with a weakness: some guids end its process, others never come back. A test runs it and starts it again."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from services.ingest.app import ingest, service
from shared.messages import ArticleSubmitted, Message
from shared.runtime.delivery import Attempts
from shared.runtime.http_server import server
from shared.runtime.service import Delivery, Handler
from shared.settings import Settings


@asynccontextmanager
async def open_handler(_settings: Settings) -> AsyncIterator[Handler]:
    async def weak(article: ArticleSubmitted, delivery: Delivery) -> Message:
        match (article.guid or "").partition("-")[0]:
            case "kills":
                os._exit(9)
            case "hangs":
                await asyncio.Event().wait()
        return await ingest(article, delivery)

    yield weak


if __name__ == "__main__":
    attempts = Attempts(heartbeat=0.5, time_limit=2)
    asyncio.run(server(replace(service, open_handler=open_handler, attempts=attempts), Settings()).serve())
    sys.exit(0)
