"""A service with a weak point: it dies there now and then, or fails at everything while a file says so.

`python -m tests.faults.dying SERVICE POINT`; a test runs it and starts it again whenever it ends.
"""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nats.aio.msg import Msg

from shared.messages import Message
from shared.run import load
from shared.service import Delivery, Handler, Service
from shared.serving import server
from shared.settings import Settings

EXIT = 137
DEFECT = "WIREROOM_TEST_DEFECT"  # the file that makes a service fail at everything
_SHARE = 0.04  # of the messages that reach the point
CALLS = {"before-ack": "ack", "before-term": "term"}  # points that are calls of the client


def die() -> None:
    if random.random() < _SHARE:
        os._exit(EXIT)


def fail() -> None:
    if Path(os.environ[DEFECT]).exists():
        raise RuntimeError("a defect that was deployed")


def weak(service: Service, point: str) -> Service:
    """Return the service with the point; ``after-work`` is when its own work is durable and nothing was announced."""

    @asynccontextmanager
    async def open_handler(settings: Settings) -> AsyncIterator[Handler]:
        async with service.open_handler(settings) as handler:

            async def work(article: Any, delivery: Delivery) -> Message | None:  # noqa: ANN401 - each has its own
                if point == "defect":
                    fail()
                result = await handler(article, delivery)
                if point == "after-work":
                    die()
                return result

            yield work

    return replace(service, open_handler=open_handler)


def before(call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def dying(raw: Msg, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the client's own
        die()
        await call(raw, *args, **kwargs)

    return dying


if __name__ == "__main__":
    name, at = sys.argv[1:]
    if at in CALLS:
        setattr(Msg, CALLS[at], before(getattr(Msg, CALLS[at])))
    asyncio.run(server(weak(load(name), at), Settings()).serve())
    sys.exit(0)
