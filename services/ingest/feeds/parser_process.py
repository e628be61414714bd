"""Processes that parse what feeds and pages send: killed when they take too long, with an address space of their own.

Requests and answers are frames of bytes, never objects. The environment of a process has no address and no secret.
"""

import asyncio
import os
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson

TIME_LIMIT = 10.0  # seconds for one document; the whole process is killed
_START_LIMIT = 120.0  # seconds until a process has imported what it needs, which a busy machine delays
MEMORY = 768 * 1024 * 1024
MAX_FRAME = 16 * 1024 * 1024  # bytes; an entry has 2 MiB at most, as JSON up to six times as many
LENGTH = struct.Struct(">I")
_MODULE = "services.ingest.feeds.parse_worker"
_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
_DOCUMENTS = 2_000  # until a process is replaced: what a library leaks is bounded


class ParserFailed(Exception):  # noqa: N818 - it describes the document
    """A document that is refused, or that ended its process; ``reason`` is malformed, time_limit or crash."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Process:
    """One child with one request at a time."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._child: asyncio.subprocess.Process | None = None
        self._done = 0

    async def ask(self, request: Mapping[str, Any], data: bytes) -> list[bytes]:
        if self._child is None or self._child.returncode is not None or self._done >= _DOCUMENTS:
            await self.end()
            await self._start()
        assert self._child  # noqa: S101 - it was started
        self._done += 1
        try:
            async with asyncio.timeout(TIME_LIMIT):
                return await self._asked(self._child, request, data)
        except TimeoutError:
            await self.end()
            raise ParserFailed("time_limit", f"not parsed within {TIME_LIMIT:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            await self.end()
            raise ParserFailed("crash", f"the parser ended: {type(error).__name__}") from None
        except asyncio.CancelledError:
            await self.end()
            raise

    async def _start(self) -> None:
        """Start a process and wait until it reads requests, which is no time of a document's."""
        self._child, self._done = await _started(self._memory), 0
        assert self._child.stdout  # noqa: S101 - a pipe
        try:
            async with asyncio.timeout(_START_LIMIT):
                await self._child.stdout.readexactly(LENGTH.size)
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            await self.end()
            raise ParserFailed("crash", f"the parser did not start: {type(error).__name__}") from None
        except asyncio.CancelledError:
            await self.end()
            raise

    @staticmethod
    async def _asked(child: asyncio.subprocess.Process, request: Mapping[str, Any], data: bytes) -> list[bytes]:
        assert child.stdin  # noqa: S101 - both are pipes
        assert child.stdout  # noqa: S101
        head = orjson.dumps(request)
        child.stdin.write(LENGTH.pack(len(head)) + head + LENGTH.pack(len(data)))
        child.stdin.write(data)
        await child.stdin.drain()
        frames = []
        while size := LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))[0]:
            if size > MAX_FRAME:
                raise ValueError(size)
            frames.append(await child.stdout.readexactly(size))
        return frames

    async def end(self) -> None:
        child, self._child = self._child, None
        if child and child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())


async def _started(memory: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", _MODULE, str(os.getpid()), str(memory)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT},
    )


class Parser:
    """A few processes, started when they are needed first; ``memory`` is in bytes, beyond what each begins with."""

    def __init__(self, processes: int = 2, memory: int = MEMORY) -> None:
        self._all = [_Process(memory) for _ in range(processes)]
        self._idle: asyncio.LifoQueue[_Process] = asyncio.LifoQueue()  # one that runs already, rather than another
        for process in self._all:
            self._idle.put_nowait(process)

    async def ask(self, job: str, data: bytes, **arguments: Any) -> list[bytes]:  # noqa: ANN401 - of JSON
        """Return the frames of an answer; raises ParserFailed."""
        process = await self._idle.get()
        try:
            verdict, *frames = await process.ask({"job": job, **arguments}, data)
        finally:
            self._idle.put_nowait(process)
        if verdict != b"ok":
            raise ParserFailed("malformed", verdict.decode("utf-8", "replace")[:500])
        return frames

    async def aclose(self) -> None:
        for process in self._all:
            await process.end()


@asynccontextmanager
async def parser(processes: int = 2, memory: int = MEMORY) -> AsyncIterator[Parser]:
    """Yield a parser, whose processes end with the block."""
    made = Parser(processes, memory)
    try:
        yield made
    finally:
        await made.aclose()
