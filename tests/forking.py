"""Runs many commands after one start of Python: all they import is imported once, and each call is a fork of it.

Reads one JSON object a line: ``arguments``, and with ``terminal`` whether the call has a pseudo-terminal or a pipe.
Answers each with an object of its exit code and all it printed, as Latin-1.
"""

import importlib
import json
import os
import pkgutil
import pty
import sys
from contextlib import suppress

import services
import shared
import wireroom
from wireroom.cli.main import main

LIMIT = 60  # seconds for one call, then the kernel ends it


def run(arguments: list[str], *, terminal: bool) -> dict[str, object]:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if not (pid := os.fork()):
        _become(arguments, theirs, terminal=terminal)
    os.close(theirs)
    said = bytearray()  # a terminal gives 4 kB at a time: bytes would be copied whole for each
    with suppress(OSError):  # a pseudo-terminal that nobody has open any more fails instead of ending
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"code": code, "said": said.decode("latin-1")}


def _become(arguments: list[str], output: int, *, terminal: bool) -> None:
    import signal

    signal.alarm(LIMIT)
    if terminal:
        os.login_tty(output)
        os.environ |= {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    else:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
    sys.argv = ["wireroom", *arguments]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as Python itself would show it
        import traceback

        traceback.print_exc()
        code = 99
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def import_all() -> None:
    """Import what commands import when they are called."""
    for package in (shared, services, wireroom):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


if __name__ == "__main__":
    import_all()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(**json.loads(line))) + "\n")
        sys.stdout.flush()
