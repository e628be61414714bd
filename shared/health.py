"""Health that tells the truth: ready means able to take work, alive means the consumer it reads still exists.

A connected socket proves neither: with its consumer deleted, a pull loop spins for ever and looks healthy.
"""

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from faststream.asgi import AsgiResponse, get
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.topology import Consumer

log = logging.getLogger(__name__)

EXIT_STUCK = 70  # sysexits EX_SOFTWARE: end, so that whoever started us starts us again
_EVERY = 2.0  # seconds between looks at the consumer: also how stale /readyz may be
_MISSING_LIMIT = 3  # looks in a row without the consumer before the process ends
_TIMEOUT = 2.0


def end_process() -> None:
    """End at once: what cannot be mended from inside is mended by being started again."""
    os._exit(EXIT_STUCK)


class State:
    """What this process knows of itself."""

    def __init__(self) -> None:
        self.ready = False
        self.stopping = False
        self.outcomes: Counter[str] = Counter()
        self.lag: dict[str, int] = {}

    def settled(self, outcome: str) -> None:
        self.outcomes[outcome] += 1

    def stop(self) -> None:
        self.stopping = True
        self.ready = False

    def report(self) -> bytes:
        return json.dumps({"ready": self.ready, "outcomes": self.outcomes, **self.lag}).encode()


class Watch:
    """Looks at the consumer every two seconds while the service runs."""

    def __init__(self, js: JetStreamContext, reads: Consumer, state: State) -> None:
        self._js, self._reads, self._state = js, reads, state
        self._task: asyncio.Task[None] | None = None

    async def wait_until_declared(self) -> None:
        """Services never declare, so wait until ``wireroom setup`` has."""
        while not await self._look():
            log.warning("waiting for %s/%s: run `wireroom setup`", self._reads.stream, self._reads.durable)
            await asyncio.sleep(_EVERY)

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        missing = 0
        while missing < _MISSING_LIMIT:
            missing = 0 if await self._look() is not False else missing + 1
            await asyncio.sleep(_EVERY)
        log.critical("consumer %s/%s is gone; ending this process", self._reads.stream, self._reads.durable)
        end_process()

    async def _look(self) -> bool | None:
        """Return True if the consumer is there, False if it is not, None if the broker does not answer."""
        try:
            info = await asyncio.wait_for(
                self._js.consumer_info(self._reads.stream, self._reads.durable, timeout=_TIMEOUT), 2 * _TIMEOUT
            )
        except NotFoundError:
            self._state.ready = False
            return False
        except (NatsError, TimeoutError):
            self._state.ready = False
            return None
        self._state.ready = not self._state.stopping
        self._state.lag = {"pending": info.num_pending or 0, "unanswered": info.num_ack_pending or 0}
        return True


def routes(state: State) -> list[tuple[str, Callable[..., Awaitable[Any]]]]:
    """``/livez`` answers while the event loop runs; ``/readyz`` is 503 until work can be taken."""

    @get
    async def livez(_scope: dict[str, Any]) -> AsgiResponse:
        return AsgiResponse(b"alive", 200)

    @get
    async def readyz(_scope: dict[str, Any]) -> AsgiResponse:
        return AsgiResponse(state.report(), 200 if state.ready else 503, {"content-type": "application/json"})

    return [("/livez", livez), ("/readyz", readyz)]
