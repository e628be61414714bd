"""news.v1.extracted -> watch-names -> standard output: reports watched names, with the services' own shell.

WATCH="Marta Quillfeather,Brackwater Engineering" python examples/watch_names.py
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats

from shared.messages import ArticleExtracted
from shared.runtime.http_server import server
from shared.runtime.service import Delivery, Handler, Service
from shared.settings import Settings
from shared.topology import Consumer

READS = Consumer("NEWS", "watch-names", "news.v1.extracted.>", ArticleExtracted, 30, 64, 1024)


@asynccontextmanager
async def open_handler(_settings: Settings) -> AsyncIterator[Handler]:
    watched = {name.strip().casefold() for name in os.environ["WATCH"].split(",")}

    async def report(article: ArticleExtracted, _delivery: Delivery) -> None:
        for entity in article.entities:
            if watched & {name.casefold() for name in (entity.name, *entity.aliases)}:
                print(f"{entity.name} {entity.count} times in {article.title} ({article.id})", flush=True)

    yield report


async def main(settings: Settings) -> None:
    connection = await nats.connect(settings.nats_url)
    await connection.jetstream().add_consumer(READS.stream, READS.config)  # run again it changes nothing
    await connection.close()
    await server(Service("watch-names", reads=READS, writes=None, open_handler=open_handler), settings).serve()


if __name__ == "__main__":
    asyncio.run(main(Settings()))
