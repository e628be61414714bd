"""Kernel limits of a child process: parent-death signal, address space, no core files."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Be killed when the parent ends; only Linux does that, elsewhere the closed connection tells an idle process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(0)


def leave_signals_to_the_service() -> None:
    """Ctrl-C and a service manager signal every process; only the service knows what is to be finished first."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def limit_memory(more: int) -> None:
    """Let the process have so many bytes more than it has now; a larger allocation fails inside it. Linux only."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def leave_no_core() -> None:
    """Write no memory to disk on a crash: articles are other people's property, and it takes seconds."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def go_first_when_memory_runs_out() -> None:
    """Let the kernel take this process before the service or its template; where it may not be asked it chooses."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
