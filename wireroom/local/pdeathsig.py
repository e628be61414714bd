"""Starts a program that ends when its parent does: ``python pdeathsig.py PARENT PROGRAM ARGUMENT...``.

A supervisor killed with -9 cannot stop anything, so the kernel is asked to kill its children. Only the child itself
can ask, and preexec_fn would run Python between fork and exec, where a process with threads may stop for ever.
Killing loses nothing: what was acknowledged is on disk. Linux only; elsewhere the children of a killed supervisor
stay until they are stopped by hand.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
