"""A program of the stack, and how it is started, waited for and ended."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_TIED = Path(__file__).with_name("pdeathsig.py")
_PAUSE = 0.05  # seconds between two looks at a program that is starting
_LOG_BYTES = 16 * 1024 * 1024  # a longer log is renamed at the next start; one older log is kept
_ADDRESSES = {"WIREROOM_NATS_URL", "WIREROOM_NATS_URL_FILE", "WIREROOM_MONGO_URL", "WIREROOM_MONGO_URL_FILE"}

Probe = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True)
class Program:
    """``probe`` uses the program as its clients do: what it is (a version or nothing to add), or None if not ready."""

    name: str
    command: tuple[str, ...]
    port: int
    probe: Probe
    log: Path
    patience: float  # seconds to end by itself before it is killed
    folder: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)


def command_line(program: Program) -> list[str]:
    """Return the command that starts the program tied to this process."""
    return [sys.executable, "-IS", str(_TIED), str(os.getpid()), *program.command]


def open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


async def start(program: Program, *, piped: bool = False) -> Process:
    """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone and the order of stopping holds.

    What it says goes into its log; ``piped`` it is to be read from its ``stdout``, and it waits while that is full.
    """
    with open_log(program.log) as log:
        return await asyncio.create_subprocess_exec(
            *command_line(program),
            cwd=program.folder,
            env=_environment(program, os.environ),
            stdin=DEVNULL,
            stdout=PIPE if piped else log,
            stderr=STDOUT,
            start_new_session=True,
        )


def _environment(program: Program, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return ours without addresses, which may hold passwords: a program has those that it was given and no others."""
    return {name: value for name, value in inherited.items() if name.upper() not in _ADDRESSES} | program.environment


async def until_ready(probe: Probe) -> str:
    """Ask until it answers; the caller sets the limit."""
    while (answer := await probe()) is None:  # noqa: ASYNC110 - a server says nothing when it becomes ready
        await asyncio.sleep(_PAUSE)
    return answer


async def end(process: Process, patience: float) -> bool:
    """Ask the process to end, kill it when patience is over; returns whether it ended by itself."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), patience)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return True


def last_lines(log: Path, count: int = 5) -> str:
    """Return the end of a log, for an error message."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(line[:300] for line in lines[-count:])
