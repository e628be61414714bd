"""news.v1.extracted, news.v1.withdrawn -> desk -> its own index; pages, an API and saved searches over it.

Changes are committed to the index before they are acknowledged, so whatever ends the process, what the index does not
have is delivered again. An index that is new, or that may have missed messages, is built anew from MongoDB.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from faststream import Context, FastStream
from faststream.specification import AsyncAPI

from services.desk.access import access_of, read_token
from services.desk.index.rebuild import seen
from services.desk.indexing import BATCH, Indexing, Item, reads
from services.desk.settings import DeskSettings
from services.desk.site import Site
from shared.http.http_listener import bound
from shared.messages import ArticleExtracted, ArticleWithdrawn
from shared.runtime.batching import Batcher
from shared.runtime.delivery import Attempts
from shared.runtime.middleware import Delivered, Delivery
from shared.runtime.service import Broker
from shared.runtime.subscriber import of
from shared.settings import Settings

log = logging.getLogger(__name__)

_PATIENCE = 0.25  # seconds that a first change waits for others: a commit costs 10 to 50 ms, whatever is in it
_ENOUGH = 100


@dataclass(frozen=True)
class Batches:
    """Where changes are put; what is worked on alone waits for no others, which cannot come."""

    indexing: Indexing
    batcher: Batcher[Item, None]

    async def put(self, item: Item, delivery: Delivery) -> None:
        """Return once a change is committed."""
        if delivery.redelivered:
            await self.indexing.write([item])
        else:
            await self.batcher.submit(item)


Into = Annotated[Batches, Context("batches")]


def app(settings: Settings, attempts: Attempts | None = None) -> FastStream:
    """Make the service; nothing connects before it is run. Raises WrongSetting for a public address without a guard."""
    options = DeskSettings()
    access = access_of(options)
    admin_token = read_token(options.admin_token_file, "WIREROOM_DESK_ADMIN_TOKEN_FILE")
    broker = Broker("desk", settings, attempts=attempts)
    subscriber = broker.subscriber(reads(options.name, secrets.token_hex(8)))

    @subscriber(filter=of(ArticleExtracted))
    async def index(article: ArticleExtracted, delivery: Delivered, batches: Into) -> None:
        """Put a version into the index, unless a newer one is there or it was withdrawn."""
        await batches.put((seen(article, broker.withdrawals), delivery.sequence), delivery)

    @subscriber(filter=of(ArticleWithdrawn))
    async def withdraw(event: ArticleWithdrawn, delivery: Delivered, batches: Into) -> None:
        """Take an article out of the index."""
        await batches.put((event, delivery.sequence), delivery)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        names = "WIREROOM_DESK_HTTP_PORT, WIREROOM_DESK_HTTP_HOST"
        listener = bound(options.http_host, options.http_port, "the desk cannot be shown", names)
        async with AsyncExitStack() as stack:
            indexing = await asyncio.to_thread(Indexing, settings, options, broker.withdrawals)
            stack.push_async_callback(indexing.close)
            broker.before_reading(indexing.claim_name)
            batcher = Batcher[Item, None](
                indexing.write,
                size=BATCH,
                patience=_PATIENCE,
                enough=_ENOUGH,
                add_span=broker.add_span,
                span="index",
            )
            batches = Batches(indexing, await stack.enter_async_context(batcher.running()))
            service.context.set_global("batches", batches)
            site = stack.enter_context(Site(settings, options, indexing.engine, access, admin_token).opened())
            log.info("the desk is on http://%s:%s/", listener.host, listener.port)
            await stack.enter_async_context(listener.running(listener.serve(site), "the desk is no longer shown"))
            await stack.enter_async_context(indexing.running(site))
            yield

    service = FastStream(broker, lifespan=lifespan, specification=AsyncAPI(title="Wireroom desk", version="v1"))
    return service
