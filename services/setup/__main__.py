"""What the `setup` container executes before any service: ``python -m services.setup``."""

import asyncio
import logging
import sys

from nats.js.errors import APIError

from services.setup.app import setup
from shared import logs
from shared.errors import Unavailable
from shared.limits import Limits
from shared.settings import Settings

EX_UNAVAILABLE = 69

log = logging.getLogger("setup")


def main() -> int:
    settings = Settings()
    logs.configure(settings.log_level)
    try:
        done = asyncio.run(setup(settings, Limits()))
    except (Unavailable, APIError) as outage:
        log.error("%s", outage)  # noqa: TRY400 - no trace: it is news
        return EX_UNAVAILABLE
    for line in done or ["everything is as the settings say"]:
        log.info("%s", line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
