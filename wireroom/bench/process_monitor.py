"""How processes bear their load: their memory over time, how long their loops were blocked, how often they started."""

import asyncio
import json
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from wireroom.local import process_memory as memory
from wireroom.local.local_stack import Stack
from wireroom.local.ports import LOOPBACK

_EVERY = 1.0  # seconds between two looks
_TIMEOUT = 5.0
_MINUTE = 60.0
_MB = 1024 * 1024


@dataclass(frozen=True)
class Memory:
    """MB of a process with its children: the medians of the middle and the last third, and the gradient of a line."""

    middle: float
    last: float
    mb_per_minute: float

    @property
    def growth(self) -> float:
        return self.last / self.middle - 1 if self.middle else 0.0


@dataclass
class Process:
    pids: list[int] = field(default_factory=list)
    resident: list[tuple[float, int]] = field(default_factory=list)  # (seconds since the beginning, bytes)
    since_start: float | None = None  # ms: the longest block of its loop, as it was when it was first asked
    longest: float | None = None  # ms: of its loop, since then

    def note(self, said: Mapping[str, Any], since: float) -> None:
        """Note the longest block, ``since`` seconds after the first look.

        What came before the first look is the start of the process, and no fault of a message.
        """
        if "loop_longest_ms" not in said:
            return
        longest = float(said["loop_longest_ms"])
        if self.since_start is None:
            self.since_start = longest
        if longest > self.since_start:
            found = longest
        else:
            found = float(said["loop_longest_ms_last_minute"]) if since > _MINUTE else 0.0
        self.longest = max(self.longest or 0.0, found)


class Steadiness:
    """Made by ``watching``; looks at every process of a stack once a second."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._began = time.monotonic()
        self._processes: defaultdict[str, Process] = defaultdict(Process)

    async def look(self) -> None:
        for name, pid in self._stack.processes.items():
            process = self._processes[name]
            if pid not in process.pids:
                process.pids.append(pid)
                process.since_start = None
            if size := await asyncio.to_thread(memory.resident, pid):
                process.resident.append((time.monotonic() - self._began, size))
        for name, port in self._stack.health_ports.items():
            if said := await asyncio.to_thread(_readyz, port):
                self._processes[name].note(said, time.monotonic() - self._began)

    @property
    def restarts(self) -> dict[str, int]:
        return {name: len(process.pids) - 1 for name, process in self._processes.items() if len(process.pids) > 1}

    @property
    def loop_longest_ms(self) -> dict[str, float | None]:
        """Return the longest block of each service's loop; None where it does not tell."""
        return {name: self._processes[name].longest for name in self._stack.health_ports}

    @property
    def memory(self) -> dict[str, Memory]:
        return {name: weighed(process.resident) for name, process in self._processes.items() if process.resident}


def weighed(sizes: list[tuple[float, int]]) -> Memory:
    """Return what pairs of seconds and bytes say; the first third, while caches fill, counts for nothing."""
    third = len(sizes) // 3
    middle, last = sizes[third : 2 * third] or sizes, sizes[2 * third :]
    settled = sizes[third:]
    slope = 0.0
    if len({seconds for seconds, _ in settled}) > 1:
        slope = statistics.linear_regression([s for s, _ in settled], [size for _, size in settled]).slope
    return Memory(_median(middle), _median(last), round(slope * _MINUTE / _MB, 2))


def _median(sizes: list[tuple[float, int]]) -> float:
    return round(statistics.median(size for _, size in sizes) / _MB, 1)


@asynccontextmanager
async def watching(stack: Stack) -> AsyncIterator[Steadiness]:
    steadiness = Steadiness(stack)

    async def look() -> None:
        while True:
            await steadiness.look()
            await asyncio.sleep(_EVERY)

    looking = asyncio.create_task(look())
    try:
        yield steadiness
    finally:
        looking.cancel()
        await asyncio.wait({looking})


def _readyz(port: int) -> dict[str, Any] | None:
    """Return what a service says of itself; None where it does not answer."""
    connection = HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        said: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    else:
        return said
    finally:
        connection.close()
