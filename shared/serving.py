"""Runs a service's application as this process: its health routes, its signals, its end."""

import logging
import os
from types import FrameType

import uvicorn

from shared.service import Service, build
from shared.settings import Settings

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Ends at once when told to before it has started, which may be waiting for a dependency for ever."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.started:
            log.info("told to end before it started")
            os._exit(0)  # no message was taken yet, so there is nothing to finish
        super().handle_exit(sig, frame)


def server(service: Service, settings: Settings) -> uvicorn.Server:
    """Return what runs the service and its health routes until SIGTERM, SIGINT or ``should_exit``."""
    config = uvicorn.Config(
        build(service, settings),
        host=settings.health_host,
        port=settings.health_port,
        log_config=None,
        lifespan="on",
    )
    return _Server(config)
