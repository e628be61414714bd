"""A service with a weak point, for tests that run `python -m tests.faults.rig.dying SERVICE POINT`.

There it dies now and then or fails at everything while a file is there, or has a clock that a file says is wrong.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from faststream import BaseMiddleware, ContextRepo
from nats.aio.msg import Msg

from shared import logs
from shared.runtime.http_server import ServiceServer
from shared.runtime.run import load
from shared.settings import Settings

EXIT = 137
DEFECT = "WIREROOM_TEST_DEFECT"  # the file that makes a service die or fail: without it nothing is wrong
_SHARE = 0.04  # of the messages that reach the point
CLOCK = "WIREROOM_TEST_CLOCK"  # the file with the seconds by which a service's clock is wrong
CALLS = {"before-ack": "ack", "before-term": "term"}  # points that are calls of the client


def deployed() -> bool:
    return Path(os.environ[DEFECT]).exists()


def die() -> None:
    if random.random() < _SHARE and deployed():
        os._exit(EXIT)


def fail() -> None:
    if deployed():
        raise RuntimeError("a defect that was deployed")


class Weak(BaseMiddleware[Any, Any]):
    """Innermost middleware; ``after-work`` is when a service's own work is durable and nothing was announced."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, point: str) -> None:
        super().__init__(msg, context=context)
        self._point = point

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: Any) -> Any:  # noqa: ANN401 - as FastStream has it
        if self._point == "defect":
            fail()
        result = await call_next(msg)
        if self._point == "after-work":
            die()
        return result


def before(call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def dying(raw: Msg, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the client's own
        die()
        await call(raw, *args, **kwargs)

    return dying


class Wrong(datetime):
    """What our modules take for the date and time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # never one of this class
        return datetime.fromtimestamp(time.time(), tz)


def shift_the_clock() -> None:
    """Put a wrong clock under everything of ours that is loaded, and under the log."""
    right, file = time.time, Path(os.environ[CLOCK])
    time.time = lambda: right() + float(file.read_text() or 0)
    for name, module in list(sys.modules.items()):
        if name.startswith(("shared.", "services.")) and getattr(module, "datetime", None) is datetime:
            module.datetime = Wrong  # type: ignore[attr-defined] # it has one


if __name__ == "__main__":
    name, at = sys.argv[1:]
    service = load(name)(Settings())
    logs.configure("INFO")
    if at == "clock":
        shift_the_clock()
    if at in CALLS:
        setattr(Msg, CALLS[at], before(getattr(Msg, CALLS[at])))
    for broker in service.brokers:
        broker.add_middleware(partial(Weak, point=at))
    asyncio.run(ServiceServer(service).serve())
    sys.exit(0)
