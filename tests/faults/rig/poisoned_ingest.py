"""Ingest with a weakness: some guids end its process, others never come back. A test runs it and starts it again."""

import asyncio
import os
import sys

from faststream import FastStream

from services.ingest.app import identified
from shared.messages import ArticleIngested, ArticleSubmitted
from shared.runtime.delivery import Attempts
from shared.runtime.http_server import ServiceServer
from shared.runtime.middleware import Delivered
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import INGEST


def app(settings: Settings) -> FastStream:
    broker = Broker("ingest", settings, attempts=Attempts(heartbeat=0.5, time_limit=2))

    @broker.subscriber(INGEST)
    @broker.publisher(ArticleIngested)
    async def weak(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
        match (article.guid or "").partition("-")[0]:
            case "kills":
                os._exit(9)
            case "hangs":
                await asyncio.Event().wait()
        return await identified(article, delivery)

    return FastStream(broker)


if __name__ == "__main__":
    asyncio.run(ServiceServer(app(Settings())).serve())
    sys.exit(0)
