"""What containers and the supervisor execute: ``python -m shared.run ingest|extract|store|setup``."""

import asyncio
import gc
import importlib
import logging
import signal
import sys

import uvloop

from shared import logs, provisioning
from shared.connecting import brief_connection
from shared.errors import Unavailable
from shared.limits import Limits
from shared.service import Service
from shared.serving import server
from shared.settings import Settings
from shared.watchdog import watchdog

log = logging.getLogger(__name__)
SERVICES = ("ingest", "extract", "store")
EX_USAGE = 2
EX_UNAVAILABLE = 69


def load(name: str) -> Service:
    """Import only the one service, so that an image needs no other."""
    service = importlib.import_module(f"services.{name}.app").service
    assert isinstance(service, Service)  # noqa: S101 - for the type checker; an app module without one is a bug
    return service


async def setup(settings: Settings) -> list[provisioning.Change]:
    """Apply the topology; raises Unavailable if the broker does not answer within seconds."""
    async with brief_connection(settings.nats_url) as connection:
        return await provisioning.apply(connection.jetstream(timeout=10), Limits(), settings.stream_replicas)


def main(arguments: list[str]) -> int:
    settings = Settings()
    logs.configure(settings.log_level)
    match arguments:
        case ["setup"]:
            return _setup(settings)
        case [name] if name in SERVICES:
            # while it runs uvicorn has the signal, stops in order, and raises it again for us: a clean exit
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: sys.exit(0))
            service = load(name)
            gc.collect()
            gc.freeze()  # what is loaded stays: to look through it again and again would block the loop for 50 ms
            uvloop.run(_serve(service, settings))
            return 0
        case _:
            log.error("usage: python -m shared.run %s|setup", "|".join(SERVICES))
            return EX_USAGE


async def _serve(service: Service, settings: Settings) -> None:
    async with watchdog():
        await server(service, settings).serve()


def _setup(settings: Settings) -> int:
    try:
        done = asyncio.run(setup(settings))
    except Unavailable as outage:
        log.error("%s", outage)  # noqa: TRY400 - no trace: it is news
        return EX_UNAVAILABLE
    for change in done:
        log.info("%s", change)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
