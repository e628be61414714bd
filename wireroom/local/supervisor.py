"""Keeps one program running: starts it again whenever it ends, and says so."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress

from wireroom.local import child_process
from wireroom.local.child_process import Program
from wireroom.local.ports import LOOPBACK
from wireroom.local.program_log import ProgramLog

Say = Callable[[str], None]

_START_LIMIT = 60.0  # seconds until a program must be ready the first time
_START_TRIES = 3
_IMPATIENCE = 2.0  # seconds for a program that is still starting to end by itself
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 8.0  # seconds between two starts of a program that cannot stay up
_LAST_WORDS = 1.0  # seconds to read what a program said before it ended
_STEADY = 30.0  # seconds after which an end counts as the first again


class NotStarted(Exception):  # noqa: N818 - what it is, to whoever catches it
    """A program that would not run: with the end of its log."""


class Supervisor:
    """Owns the processes of one program, one at a time; only its task starts and ends them."""

    def __init__(self, program: Program, say: Say, changed: Callable[[], None]) -> None:
        self.program = program
        self.pid: int | None = None
        self._say, self._changed = say, changed
        self._ready, self._stopping = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = ProgramLog(program.log)

    async def start(self) -> None:
        """Return once the program is ready; raises NotStarted."""
        self._task = asyncio.create_task(self._keep())
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({self._task, ready}, timeout=_START_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._task.done():
            self._task.result()
        if not self._ready.is_set():
            raise self._not_started(f"was not ready within {_START_LIMIT:.0f} s")

    async def stop(self) -> None:
        """Return once the program has ended; a program that was never started has."""
        self._stopping.set()
        if self._task:
            with suppress(NotStarted):
                await self._task
        self._log.close()

    def restart(self) -> None:
        """Ask the running process to end; it is started again as after any other end."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)

    async def ended(self) -> None:
        """Return once nothing keeps the program running any more; raises what made it so."""
        if self._task:
            await asyncio.shield(self._task)

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while not self._stopping.is_set():
            began = clock()
            code = await self._run()
            if self._stopping.is_set():
                return
            failures = 1 if clock() - began > _STEADY else failures + 1
            if failures == _START_TRIES and not self._ready.is_set():
                raise self._not_started(f"ended {_ending(code)}")
            delay = min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY)
            self._say(f"{self.program.name} ended {_ending(code)}; starting it again in {delay:.1f} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _run(self) -> int:
        """Run the program once, until it ends or is to stop; returns its exit code."""
        process = await child_process.start(self.program, piped=True)
        self.pid = process.pid
        self._changed()
        copying = asyncio.create_task(self._log.copy(process.stdout)) if process.stdout else None
        tasks = [asyncio.create_task(process.wait()), asyncio.create_task(self._stopping.wait())]
        announcing = asyncio.create_task(self._announce())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # before it is ready it has nothing to finish, and some programs do not listen yet
            patience = self.program.patience if announcing.done() else _IMPATIENCE
            announcing.cancel()
            code = await self._end(process, min(patience, self.program.patience))
            if copying:  # its last words; a process that it left behind may hold the pipe for longer
                await asyncio.wait([copying], timeout=_LAST_WORDS)
            return code
        finally:
            if copying:
                copying.cancel()
            for task in (*tasks, announcing):
                task.cancel()
            if process.returncode is None:  # we are cancelled while it was given time to end
                process.kill()

    async def _end(self, process: Process, patience: float) -> int:
        if process.returncode is None and not await child_process.end(process, patience):
            self._say(f"{self.program.name} did not end within {patience:g} s and was killed")
        self.pid = None
        return await process.wait()

    async def _announce(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        version = await child_process.until_ready(self.program.probe)
        place = f"{LOOPBACK}:{self.program.port}"
        again = " again" if self._ready.is_set() else ""
        self._say(f"{f'{self.program.name} {version}':<20} {place:<16} ready{again} {clock() - began:.1f} s")
        self._ready.set()

    def _not_started(self, what: str) -> NotStarted:
        log = self.program.log
        return NotStarted(f"{self.program.name} {what}. The end of {log}:\n{child_process.last_lines(log)}")


def _ending(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
