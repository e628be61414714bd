"""Liveness and readiness: ready means able to take work, live means progress with what it has.

A connected socket proves neither: with its consumer deleted, a pull loop spins for ever and looks healthy.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from shared.errors import Unavailable, WrongSetting
from shared.observability.process_state import LOOK_EVERY, State
from shared.topology import INSTANCE, Consumer

log = logging.getLogger(__name__)

EXIT_STUCK = 70  # sysexits EX_SOFTWARE: end, so that whoever started us starts us again
_MISSING_LIMIT = 3  # looks in a row without the consumer before the process ends
_TIMEOUT = 2.0

Check = Callable[[], Awaitable[None]]


def end_process() -> None:
    """End at once: what cannot be mended from inside is mended by being started again."""
    os._exit(EXIT_STUCK)


def end_misconfigured(wrong: WrongSetting) -> None:
    """End at once and say what is wrong, where raising it would end no more than one task."""
    for line in wrong.lines:
        log.critical("%s", line)
    os._exit(wrong.code)


class Watch:
    """Looks at the consumer, and at what else the service needs, every two seconds while the service runs."""

    def __init__(self, js: JetStreamContext, reads: Consumer, state: State, check: Check | None) -> None:
        self._js, self._reads, self._state, self._check = js, reads, state, check
        self._tasks: list[asyncio.Task[None]] = []
        self._found: ConsumerConfig | None = None  # as the broker had it at the last look

    async def wait_until_declared(self) -> None:
        """Wait until ``wireroom setup`` has declared the consumer; one of the service's own it declares itself."""
        while not (await self._look() and await self._is_marked()):
            if self._reads.own and await self._declared(self._reads.config):
                continue
            log.warning("waiting for %s/%s: run `wireroom setup`", self._reads.stream, self._reads.durable)
            await asyncio.sleep(LOOK_EVERY)

    async def _is_marked(self) -> bool:
        """Write the metadata of the service's own consumer where it has others; how it is configured stays."""
        assert self._found is not None  # noqa: S101 - it was looked at
        marks = self._found.metadata or {}
        wanted = marks | self._reads.metadata
        return wanted == marks or await self._declared(replace(self._found, metadata=wanted))

    async def _declared(self, config: ConsumerConfig) -> bool:
        """Declare the service's own consumer; False while its stream is missing or the broker does not answer."""
        try:
            await self._js.add_consumer(self._reads.stream, config, timeout=_TIMEOUT)
        except (NatsError, TimeoutError):
            return False
        return True

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(self._run())]
        if self._check:
            self._tasks.append(asyncio.create_task(self._run_check(self._check)))

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()

    async def _run(self) -> None:
        missing = 0
        while missing < _MISSING_LIMIT and not self._state.given_up:
            missing = 0 if await self._look() is not False else missing + 1
            self._end_if_another_reads()
            await asyncio.sleep(LOOK_EVERY)
        what = "is gone" if missing else "has work, but nothing is being done"
        log.critical("consumer %s/%s %s; ending this process", self._reads.stream, self._reads.durable, what)
        end_process()

    def _end_if_another_reads(self) -> None:
        reads, marks = self._reads, (self._found and self._found.metadata) or {}
        if reads.instance and marks.get(INSTANCE, reads.instance) != reads.instance:
            end_misconfigured(
                WrongSetting(
                    f"another process reads {reads.stream} as {reads.durable} now, and each would get a part of what "
                    "comes. Give each a name of its own."
                )
            )

    async def _look(self) -> bool | None:
        """Return True if the consumer is there, False if it is not, None if the broker does not answer."""
        reads = self._reads
        try:
            info = await asyncio.wait_for(
                self._js.consumer_info(reads.stream, reads.durable, timeout=_TIMEOUT), 2 * _TIMEOUT
            )
        except NotFoundError:
            self._state.lost(f"there is no consumer {reads.stream}/{reads.durable}")
            return False
        except (NatsError, TimeoutError) as error:
            self._state.lost(f"NATS does not answer: {type(error).__name__}")
            return None
        self._found = info.config
        self._state.looked(info.num_pending or 0, info.num_ack_pending or 0)
        return True

    async def _run_check(self, check: Check) -> None:
        while True:
            try:
                await check()
            except Unavailable as outage:
                self._state.dependency = str(outage)
            except WrongSetting as wrong:
                end_misconfigured(wrong)
            else:
                self._state.dependency = None
            await asyncio.sleep(LOOK_EVERY)
