"""Assigns batches to workers with limits of time and memory, and isolates the message that ends a worker."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.extract.pool.frames import TooLong
from services.extract.pool.processes import Death, Template, Worker, started
from services.extract.pool.worker import DONE, TOO_MUCH
from shared.errors import Reason, Rejected

log = logging.getLogger(__name__)

_MB = 1024 * 1024
_ENDS = 2  # of workers that had it, the last time nothing else: the first may have been an accident


@dataclass(frozen=True)
class Limits:
    """What a worker may take; ``payloads`` is how many it gets before a fresh one takes its place."""

    seconds: float = 20.0  # for a batch, and again for each alone
    megabytes: int = 1500  # beyond what it shares with its template
    payloads: int = 2000


@dataclass
class Task:
    """One payload, and how many workers ended while they had it."""

    payload: bytes
    ends: int = 0


class WorkerEnded(Exception):  # noqa: N818 - what happened to it
    """The worker that had the batch is no more; alone, the payload is the cause."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class JobFailed(Exception):  # noqa: N818 - told from another process
    """The job raised an exception other than Rejected; its worker goes on."""


class Pool:
    """Runs batches in workers: as many at once as are asked for, each worker one at a time."""

    def __init__(self, template: Template, limits: Limits) -> None:
        self._template, self._limits = template, limits
        self._idle: list[Worker] = []

    async def run(self, tasks: Sequence[Task]) -> list[bytes | Exception]:
        """Return one result for each task, or raise WorkerEnded if it cannot be told which of them ended the worker.

        Then each is to be run again alone: what ends its second worker is rejected, and no other pays for it.
        """
        try:
            return [*await self._attempt([task.payload for task in tasks])]
        except WorkerEnded as ended:
            log.warning("a worker ended: %s; %d articles were with it", ended.detail, len(tasks))
            for task in tasks:
                task.ends += 1
            if len(tasks) > 1:
                raise
            if tasks[0].ends < _ENDS:
                return await self.run(tasks)
            return [Rejected(ended.reason, ended.detail)]

    async def fill(self, workers: int) -> None:
        """Have so many workers ready."""
        self._idle += [await self._template.fork() for _ in range(workers - len(self._idle))]

    async def _attempt(self, payloads: Sequence[bytes]) -> list[bytes]:
        worker = self._idle.pop() if self._idle else await self._template.fork()
        try:
            async with asyncio.timeout(self._limits.seconds):
                kind, *parts = await worker.ask(payloads)
        except TimeoutError:
            await self._template.end(worker)
            raise WorkerEnded(Reason.TIME_LIMIT, f"not done within {self._limits.seconds:g} s") from None
        except TooLong as error:
            await self._template.end(worker)
            raise WorkerEnded(Reason.MEMORY_LIMIT, f"its result is too long: {error}") from None
        except (EOFError, ConnectionError):
            raise _judged(await self._template.end(worker)) from None
        if kind == TOO_MUCH:
            death = await self._template.end(worker)
            detail = (
                f"{parts[0].decode()}; a worker may take {self._limits.megabytes} MB, it had {death.peak // _MB} MB"
            )
            raise WorkerEnded(Reason.MEMORY_LIMIT, detail)
        await self._give_back(worker)
        if kind != DONE:
            raise _failure(*parts)
        return parts

    def close(self) -> None:
        """Tell the workers that wait to end; those that work end with their template."""
        while self._idle:
            self._idle.pop().writer.close()

    async def _give_back(self, worker: Worker) -> None:
        if worker.done < self._limits.payloads:
            self._idle.append(worker)
        else:
            await self._template.end(worker)


def _judged(death: Death) -> WorkerEnded:
    if death.status == -signal.SIGKILL:
        return WorkerEnded(Reason.MEMORY_LIMIT, f"its worker was killed, as the kernel does to make room: {death}")
    return WorkerEnded(Reason.CRASH_LOOP, f"it ends its worker: {death}")


def _failure(what: bytes, trace: bytes) -> JobFailed:
    failure = JobFailed(what.decode())
    failure.add_note(trace.decode())
    return failure


@asynccontextmanager
async def opened(
    job: str, limits: Limits, *, workers: int = 1, on_loss: Callable[[], None] | None = None
) -> AsyncIterator[Pool]:
    """Start the template and its workers, and end them all; raise TemplateFailed if the job cannot be made ready.

    ``on_loss`` is called if the template ends although nobody told it to: no worker can be had from then on.
    """

    def lost(code: int) -> None:
        log.critical("the template of the workers ended (%s); without it there are no new ones", code)
        if on_loss:
            on_loss()

    async with started(job, limits.megabytes * _MB, lost) as template:
        pool = Pool(template, limits)
        await pool.fill(workers)
        log.info("%d workers, forked by process %d for process %d", workers, template.pid, os.getpid())
        try:
            yield pool
        finally:
            pool.close()
