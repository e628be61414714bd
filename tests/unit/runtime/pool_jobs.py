"""Jobs for workers in tests: what a parser, a model or a bug may do to its process, by name."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Sequence

from services.extract.pool import Job
from services.extract.pool.frames import MOST

GIGABYTE = 1024**3


def _spin() -> bytes:
    while True:
        pass


def _wait() -> bytes:
    threading.Event().wait()
    return b"never said"


def _grow() -> bytes:
    kept = []
    while True:
        kept.append(bytes(range(256)) * 40_000)


def _raise() -> bytes:
    raise ValueError("three")


def _kill_itself() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b"never said"


DEEDS: dict[bytes, Callable[[], bytes]] = {
    b"exits": lambda: os._exit(3),
    b"faults": lambda: ctypes.string_at(0),
    b"is killed": _kill_itself,
    b"spins": _spin,
    b"waits": _wait,
    b"takes 8 GB": lambda: bytes(bytearray(8 * GIGABYTE)),
    b"grows": _grow,
    b"says too much": lambda: bytes(MOST),
    b"raises": _raise,
    b"pid": lambda: str(os.getpid()).encode(),
    b"10 MB": lambda: bytes(10_000_000),
}


def do(payloads: Sequence[bytes]) -> list[bytes]:
    return [DEEDS[payload]() if payload in DEEDS else payload.upper() for payload in payloads]


def open_job() -> Job:
    return do


def open_without_a_model() -> Job:
    raise LookupError("model xx is not installed: install its package")


def open_and_die() -> Job:
    os._exit(5)
