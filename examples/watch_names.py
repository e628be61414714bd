"""news.v1.extracted -> watch-names -> standard output: reports watched names, with the services' own shell.

WATCH="Marta Quillfeather,Brackwater Engineering" python examples/watch_names.py
"""

import asyncio
import os

import nats
from faststream import FastStream

from shared.messages import ArticleExtracted
from shared.runtime.http_server import ServiceServer
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import Consumer

READS = Consumer("NEWS", "watch-names", "news.v1.extracted.>", ArticleExtracted, 30, 64, 1024)


def app(settings: Settings) -> FastStream:
    watched = {name.strip().casefold() for name in os.environ["WATCH"].split(",")}
    broker = Broker("watch-names", settings)

    @broker.subscriber(READS)
    async def report(article: ArticleExtracted) -> None:
        for entity in article.entities:
            if watched & {name.casefold() for name in (entity.name, *entity.aliases)}:
                print(f"{entity.name} {entity.count} times in {article.title} ({article.id})", flush=True)

    return FastStream(broker)


async def main(settings: Settings) -> None:
    connection = await nats.connect(settings.nats_url)
    await connection.jetstream().add_consumer(READS.stream, READS.config)  # run again it changes nothing
    await connection.close()
    await ServiceServer(app(settings)).serve()


if __name__ == "__main__":
    asyncio.run(main(Settings()))
