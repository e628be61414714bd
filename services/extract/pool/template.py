"""Fork server: loads the models once and forks workers. ``python -m services.extract.pool.template JOB MEMORY SOCKET``.

It has one thread and takes one request at a time, so a fork copies nothing that is half done. Each packet on its
socket is a request, answered by one packet of JSON:

fork, with a socket attached    a worker that serves this socket: its pid
end PID                         kill it if it still runs: the status it ended with, and its peak in bytes
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from services.extract.pool.frames import END, FORK, PACKET
from services.extract.pool.worker import Job, be_worker
from shared import logs
from shared.errors import WrongSetting
from shared.runtime import confine
from shared.settings import Settings


def main(name: str, memory: int, descriptor: int) -> int:
    """Return the exit code: 0 once the service has closed the socket."""
    confine.end_with(os.getppid())
    confine.leave_signals_to_the_service()
    logs.configure(Settings().log_level)
    with socket.socket(fileno=descriptor) as control:
        try:
            job = _opener(name)()
        except WrongSetting as wrong:
            control.send(_told({"wrong_setting": str(wrong)[: PACKET // 4]}))
            return wrong.code
        except Exception as error:  # noqa: BLE001 - told by the service, which ends with it
            control.send(_told({"error": f"{type(error).__name__}: {error}"[: PACKET // 4]}))
            return 1
        gc.collect()
        gc.freeze()  # a collection in a worker would write to each of these objects, and so copy its page
        control.send(_told({"ready": os.getpid()}))
        _serve(control, job, memory)
    return 0


def _opener(name: str) -> Callable[[], Job]:
    module, _, function = name.partition(":")
    opener: Callable[[], Job] = getattr(importlib.import_module(module), function)
    return opener


def _serve(control: socket.socket, job: Job, memory: int) -> None:
    workers: set[int] = set()
    try:
        while True:
            request, descriptors, _, _ = socket.recv_fds(control, PACKET, 1)
            if not request:
                return
            if request == FORK:
                control.send(_told(_fork(control, descriptors[0], job, memory, workers)))
            else:
                control.send(_told(_end(int(request.removeprefix(END)), workers)))
    finally:
        for pid in list(workers):
            _end(pid, workers)


def _fork(control: socket.socket, descriptor: int, job: Job, memory: int, workers: set[int]) -> dict[str, int | str]:
    me = os.getpid()
    with socket.socket(fileno=descriptor) as connection:
        try:
            pid = os.fork()
        except OSError as error:
            return {"error": str(error)}
        if pid == 0:
            control.close()
            be_worker(connection, job, memory, me)
    workers.add(pid)
    return {"pid": pid}


def _end(pid: int, workers: set[int]) -> dict[str, int | str]:
    """Nobody but the parent collects a child, so until this the pid means no other process."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    workers.discard(pid)
    unit = 1 if sys.platform == "darwin" else 1024
    return {"status": os.waitstatus_to_exitcode(status), "peak": usage.ru_maxrss * unit}


def _told(answer: dict[str, int | str]) -> bytes:
    return json.dumps(answer).encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
