"""What a service answers on its health port, as a container's health check asks it."""

import asyncio
import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

SOON = 60.0  # seconds to notice a fault or its end, on a machine that does other things too


def answer(port: int, path: str) -> tuple[int, bytes]:
    """Ask as a container's health check does, which waits for four seconds (compose.yaml), whatever is wrong."""
    connection = HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", path)
        got = connection.getresponse()
        return got.status, got.read()
    finally:
        connection.close()


async def until(port: int, meant: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return what /readyz says once it is what is meant; all the while /livez says that the process lives."""
    async with asyncio.timeout(SOON):
        while True:
            status, body = await asyncio.to_thread(answer, port, "/readyz")
            assert await asyncio.to_thread(answer, port, "/livez") == (200, b"alive")
            told: dict[str, Any] = json.loads(body)
            assert (status == 200) == told["ready"]
            if meant(told):
                return told
            await asyncio.sleep(0.05)  # what is waited for needs the processor too


def green(told: dict[str, Any]) -> bool:
    return bool(told["ready"])


def red(word: str) -> Callable[[dict[str, Any]], bool]:
    return lambda told: any(word in cause for cause in told["why"])
