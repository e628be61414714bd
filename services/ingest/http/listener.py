"""Serves the HTTP input on a port of its own inside the process of ingest, beside the probes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from nats.errors import Error as NatsError

from services.ingest.http.access_tokens import Tokens
from services.ingest.http.articles_api import create_app
from services.ingest.http.gateway import Gateway
from services.ingest.settings import IngestSettings
from services.ingest.source_quotas import SourceQuotas
from services.ingest.submission_gate import SubmissionGate
from shared.addresses.loopback import is_loopback
from shared.errors import Unavailable
from shared.http.http_listener import HttpListener, bound, connected
from shared.settings import Settings

log = logging.getLogger(__name__)

_LOOKS_EVERY = 2.0  # seconds between two looks for a first token


@asynccontextmanager
async def http_input(settings: Settings, options: IngestSettings) -> AsyncIterator[None]:
    """Take articles over HTTP for as long as the block lasts, if a port is set; raises WrongSetting for a bad one.

    The connection to the broker is its own, so that a flood of posts delays no acknowledgement of the consumer.
    """
    if not options.http_port:
        yield
        return
    names = "WIREROOM_INGEST_HTTP_PORT, WIREROOM_INGEST_HTTP_HOST"
    listener = bound(options.http_host, options.http_port, "articles cannot be taken", names)
    async with listener.running(_run(listener, settings, options), "articles are no longer taken over HTTP"):
        yield


async def _run(listener: HttpListener, settings: Settings, options: IngestSettings) -> None:
    async with AsyncExitStack() as stack:
        js = (await connected(stack, settings.nats_url)).jetstream(timeout=10)
        local, tokens = is_loopback(options.http_host), Tokens(js)
        where = f"{listener.host}:{listener.port}"
        if not local:
            await _wait_for_a_token(tokens, where)
        app = create_app(Gateway(SubmissionGate(js, SourceQuotas(options), "http"), tokens, open_to_all=local))
        log.info("articles are taken on http://%s/v1/articles", where)
        await listener.serve(app)


async def _wait_for_a_token(tokens: Tokens, address: str) -> None:
    told = False
    while not await _any(tokens):
        if not told:
            log.warning("%s is a public address: it opens once `wireroom token add SOURCE` made a first token", address)
            told = True
        await asyncio.sleep(_LOOKS_EVERY)


async def _any(tokens: Tokens) -> bool:
    try:
        return bool(await tokens.known())
    except (NatsError, TimeoutError, Unavailable):
        return False  # the broker is unavailable, which the probes tell
