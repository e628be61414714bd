"""What containers and the supervisor execute: ``python -m shared.runtime.run NAME``.

A service is a directory of ``services/`` with an ``app.py``; it stands in no list.
"""

import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop
from faststream import FastStream

from shared import environment, logs
from shared.errors import WrongSetting
from shared.runtime.http_server import ServiceServer
from shared.runtime.watchdog import watchdog
from shared.settings import Settings

log = logging.getLogger(__name__)
App = Callable[[Settings], FastStream]
EX_USAGE = 2


def services() -> tuple[str, ...]:
    """Return the services that are there: an image holds one, and those whose code it needs."""
    folders = importlib.import_module("services").__path__
    return tuple(sorted(path.parent.name for folder in folders for path in Path(folder).glob("*/app.py")))


def load(name: str) -> App:
    """Import only the one service, so that an image needs no other; return what makes its application."""
    made: App = importlib.import_module(f"services.{name}.app").app
    return made


def main(arguments: list[str]) -> int:
    return configured(lambda settings: _run(arguments, settings))


def configured(run: Callable[[Settings], int]) -> int:
    """Run with settings and logs; return the exit code, with a line for each setting that is wrong."""
    logs.configure("INFO")
    try:
        settings = Settings()
        logs.configure(settings.log_level)
        for warning in environment.unknown(os.environ):
            log.warning("%s", warning)
        return run(settings)
    except WrongSetting as wrong:
        for line in wrong.lines:
            log.critical("%s", line)
        return wrong.code


def _run(arguments: list[str], settings: Settings) -> int:
    match arguments:
        case [name] if name in services():
            # while it runs uvicorn has the signal, stops in order, and raises it again for us: a clean exit
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: sys.exit(0))
            service = load(name)(settings)
            gc.collect()
            gc.freeze()  # what is loaded stays: to look through it again and again would block the loop for 50 ms
            uvloop.run(_serve(service))
            return 0
        case _:
            log.error("usage: python -m shared.runtime.run %s", "|".join(services()))
            return EX_USAGE


async def _serve(service: FastStream) -> None:
    async with watchdog():
        await ServiceServer(service).serve()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
