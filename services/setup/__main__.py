"""What the `setup` container executes before any service: ``python -m services.setup``."""

import asyncio
import logging
import os
import sys
import time

from nats.js.errors import APIError

from services.setup import replica_set
from services.setup.preparation import setup
from services.setup.settings import ContainerSettings
from shared.broker.permissions import SETUP
from shared.errors import Unavailable
from shared.limits import Limits
from shared.runtime.run import configured
from shared.settings import Settings

log = logging.getLogger("setup")
_PATIENCE = 30.0  # seconds for servers that are starting; then it ends, and says what is missing
_PAUSE = 0.5


def main() -> int:
    return configured(_setup)


def _setup(settings: Settings) -> int:
    try:
        done = asyncio.run(_patiently(settings, Limits()))
    except (Unavailable, APIError) as outage:
        log.error("%s", outage)  # noqa: TRY400 - no trace: it is news
        return os.EX_UNAVAILABLE
    for line in done or ["everything is as the settings say"]:
        log.info("%s", line)
    return 0


async def _patiently(settings: Settings, limits: Limits) -> list[str]:
    deadline = time.monotonic() + _PATIENCE
    options = ContainerSettings()
    while True:
        try:
            if options.database_members:
                guard = replica_set.load(options.folder / SETUP)
                await replica_set.prepare(options.database_members.split(","), guard, settings.mongo_database)
            return await setup(settings, limits)
        except Unavailable as outage:
            if time.monotonic() > deadline:
                raise
            log.warning("%s; waiting for it", outage)
            await asyncio.sleep(_PAUSE)


if __name__ == "__main__":
    sys.exit(main())
