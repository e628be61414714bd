"""The broker or the database alone, for as long as a block lasts: what tests of a single part need."""

import asyncio
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from wireroom.local import mongod as database
from wireroom.local import nats_server as broker
from wireroom.local import ports
from wireroom.local.child_process import Program, command_line, last_lines, open_log, until_ready

_START_LIMIT = 60.0


@contextmanager
def nats_server(data: Path, port: int = 0, *, accounts: str = "") -> Iterator[str]:
    """Run nats-server with JetStream, on a free port unless one is given; yields its URL, without a user."""
    port = port or ports.free(1)[0]
    with started(broker.program(data, port, accounts=accounts)):
        yield broker.url(port)


@contextmanager
def mongod(data: Path) -> Iterator[str]:
    """Run mongod as a replica set of one on a free port; yields its URL."""
    [port] = ports.free(1)
    with started(database.program(data, port)):
        yield database.url(port)


@contextmanager
def started(program: Program) -> Iterator[None]:
    """Run a server until the block ends; raises TimeoutError where it is not ready within a minute."""
    with open_log(program.log) as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command_line(program), cwd=program.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait(program)
        yield
    finally:
        process.terminate()
        try:
            process.wait(program.patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(program: Program) -> None:
    """Wait on a thread with an event loop of its own, because the caller's thread may have one already."""
    ready = asyncio.wait_for(until_ready(program.probe), _START_LIMIT)
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, ready).result()
        except TimeoutError:
            raise TimeoutError(f"{program.name} was not ready: {last_lines(program.log)}") from None
