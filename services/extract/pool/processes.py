"""Asyncio client of the template process and of its workers, over Unix sockets."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.extract.pool import frames
from services.extract.pool.frames import END, FORK, PACKET
from services.extract.pool.worker_environment import of_template
from shared.errors import Unavailable, WrongSetting

# the same modules as here, wherever the service was started from
_ROOT = Path(__file__).parents[3]
_PATIENCE = 5.0  # seconds for the template to end by itself
_MB = 1024 * 1024


class TemplateFailed(Exception):  # noqa: N818 - what happened to it
    """The job cannot be made ready; the message says why."""


@dataclass(frozen=True)
class Death:
    """How a worker ended: its exit code, negative for a signal, and the most memory it had, in bytes."""

    status: int
    peak: int

    def __str__(self) -> str:
        how = signal.Signals(-self.status).name if self.status < 0 else f"exit code {self.status}"
        return f"{how}, at most {self.peak // _MB} MB"


@dataclass
class Worker:
    """A forked process that waits for a batch; ``done`` counts the payloads it was given."""

    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    done: int = 0

    async def ask(self, payloads: Sequence[bytes]) -> list[bytes]:
        """Return its answer; raise EOFError or ConnectionError if it ends, TooLong if it says too much."""
        self.done += len(payloads)
        self.writer.write(frames.packed(payloads))
        await self.writer.drain()
        size = frames.body_size(await self.reader.readexactly(frames.HEADER))
        return frames.unpacked(await self.reader.readexactly(size))


class Template:
    """The process that forks workers; only ``started`` makes one."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self._process, self._control = process, control
        self._turn = asyncio.Lock()
        self.pid = process.pid

    async def ready(self) -> None:
        """Wait until it has loaded everything; raise WrongSetting or TemplateFailed with its reason if it cannot."""
        answer = await self._answer()
        if "wrong_setting" in answer:
            raise WrongSetting(*answer["wrong_setting"].splitlines())
        if "error" in answer:
            raise TemplateFailed(answer["error"])

    async def fork(self) -> Worker:
        """Return a new worker; raise Unavailable if the machine has no room for one now."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                answer = await self._ask(FORK, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        if "error" in answer:
            ours.close()
            raise Unavailable("a worker", "this machine", answer["error"])
        return Worker(answer["pid"], *await asyncio.open_unix_connection(sock=ours))

    async def end(self, worker: Worker) -> Death:
        """Kill the worker if it still runs, and tell how it ended."""
        worker.writer.close()
        answer = await self._ask(END + str(worker.pid).encode())
        return Death(answer["status"], answer["peak"])

    async def _ask(self, request: bytes, *descriptors: int) -> dict[str, Any]:
        async with self._turn:
            try:
                socket.send_fds(self._control, [request], descriptors)
            except OSError as error:
                raise Unavailable("the workers' template", f"pid {self.pid}", str(error)) from error
            return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        packet = await asyncio.get_running_loop().sock_recv(self._control, PACKET)
        if not packet:
            raise Unavailable("the workers' template", f"pid {self.pid}", "it has ended")
        answer: dict[str, Any] = json.loads(packet)
        return answer


@asynccontextmanager
async def started(job: str, memory: int, on_loss: Callable[[int], None]) -> AsyncIterator[Template]:
    """Start the template for a job, named as ``module:function``; ``on_loss`` hears its exit code if it ends early.

    It is executed, not forked: threads of the service do no harm, and nothing of it is copied.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            module = f"{__package__}.template"
            command = (sys.executable, "-m", module, job, str(memory), str(theirs.fileno()))
            process = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, pass_fds=[theirs.fileno()], cwd=_ROOT, env=of_template(os.environ)
            )
        ours.setblocking(False)
        template = Template(process, ours)
        try:
            await template.ready()
            watching = asyncio.create_task(_watch(process, on_loss))
            try:
                yield template
            finally:
                watching.cancel()
        finally:
            ours.close()  # which it takes for its end
            await _end(process)


async def _watch(process: Process, on_loss: Callable[[int], None]) -> None:
    on_loss(await process.wait())


async def _end(process: Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
