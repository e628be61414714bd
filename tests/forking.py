"""Runs many commands after one start of Python: all they import is imported once, and each call is a fork of it.

Reads one JSON object a line: ``call``, a number; ``arguments``; ``terminal``: whether the call has a pseudo-terminal or
a pipe. Calls run at once; each is answered as it ends, with its number, its exit code and all it printed, as Latin-1.
"""

import importlib
import json
import os
import pkgutil
import pty
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector

import services
import shared
import wireroom
from wireroom.cli.main import main

LIMIT = 100  # seconds for one call, then the kernel ends it
STDIN = 0


@dataclass
class Call:
    number: int
    pid: int
    said: bytearray = field(default_factory=bytearray)


def serve() -> None:
    """Start what is asked for and answer what has ended, until standard input ends and no call runs."""
    calls: dict[int, Call] = {}
    asked = b""
    with DefaultSelector() as selector:
        selector.register(STDIN, EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                part = _read(key.fd)
                if key.fd == STDIN:
                    *lines, asked = (asked + part).split(b"\n")
                    for output, call in (started(**json.loads(line)) for line in lines):
                        calls[output] = call
                        selector.register(output, EVENT_READ)
                elif part:
                    calls[key.fd].said += part
                else:
                    _answer(calls.pop(key.fd))
                if not part:
                    selector.unregister(key.fd)
                    os.close(key.fd)


def _read(file: int) -> bytes:
    with suppress(OSError):  # a pseudo-terminal that nobody has open any more fails instead of ending
        return os.read(file, 65536)
    return b""


def _answer(call: Call) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(call.pid, 0)[1])
    answer = {"call": call.number, "code": code, "said": call.said.decode("latin-1")}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def started(call: int, arguments: list[str], *, terminal: bool) -> tuple[int, Call]:
    """Start a call; return the file that gives what it prints, and the call."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if not (pid := os.fork()):
        _become(arguments, theirs, terminal=terminal)
    os.close(theirs)
    return ours, Call(call, pid)


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
    serve()
