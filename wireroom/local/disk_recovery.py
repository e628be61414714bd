"""Restarts a nats-server whose disk was full: it refuses writes until a restart, even when there is room again."""

import asyncio
import shutil
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from wireroom.local.ports import LOOPBACK

_EVERY = 2.0  # seconds
_ROOM = 16 * 1024 * 1024  # bytes free before a start makes sense
_TIMEOUT = 2.0


async def restart_when_there_is_room(
    monitor_port: int, folder: Path, restart: Callable[[], None], say: Callable[[str], None]
) -> None:
    """Ask the broker for its health for ever; once it cannot write and there is room, start it anew and say so."""
    known = False
    while True:
        await asyncio.sleep(_EVERY)
        failing = "write error" in await asyncio.to_thread(_health, monitor_port)
        if failing and not known:
            say(f"nats-server cannot write: the disk of {folder} is full. What it acknowledged is safe; make room.")
        if failing and shutil.disk_usage(folder).free >= _ROOM:
            say("there is room again; starting nats-server anew, which would not write otherwise")
            restart()
        known = failing


def _health(port: int) -> str:
    connection = HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read(10_000).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return ""  # it is being started, or stands still: its supervisor knows
    finally:
        connection.close()
