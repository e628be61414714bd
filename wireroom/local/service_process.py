"""A service of the pipeline as a process of its own: the same command as in a container."""

import asyncio
import sys
from pathlib import Path

import shared
from shared.observability.healthcheck import ready
from wireroom.local.child_process import Program
from wireroom.local.ports import LOOPBACK

# Python looks for modules here first: else a folder named "shared" where the user happens to be were taken for ours.
_IMPORTED_FROM = Path(shared.__file__).parents[1]
_WITH_DATABASE = {"store", "desk"}  # the others parse what anyone publishes, so they are not told where MongoDB is


def program(service: str, data: Path, health_port: int, urls: dict[str, str], *, name: str) -> Program:
    """``urls`` are settings; a service gets those it connects with."""
    of_database = service in _WITH_DATABASE
    known = {key: url for key, url in urls.items() if of_database or not key.startswith("WIREROOM_MONGO_URL")}
    environment = known | {"WIREROOM_HEALTH_HOST": LOOPBACK, "WIREROOM_HEALTH_PORT": str(health_port)}

    async def probe() -> str | None:
        return "" if await asyncio.to_thread(ready, health_port) else None

    return Program(
        name,
        (sys.executable, "-m", "shared.runtime.run", service),
        health_port,
        probe,
        data / f"logs/{name}.log",
        patience=25,  # started messages are finished first, at most 15 seconds
        folder=_IMPORTED_FROM,
        environment=environment,
    )
