"""Worker process, forked from the template: reads a batch from its socket, runs the job, writes the result."""

import logging
import os
import socket
import traceback
from collections.abc import Callable, Sequence

from services.extract.pool import frames
from shared.runtime import confine

log = logging.getLogger(__name__)

Job = Callable[[Sequence[bytes]], Sequence[bytes]]

DONE, FAILED, TOO_MUCH = b"done", b"failed", b"too much"


def be_worker(connection: socket.socket, job: Job, memory: int, parent: int) -> None:
    """Never returns: the process ends when the connection is closed."""
    code = 1
    try:
        confine.end_with(parent)
        confine.limit_memory(memory)
        confine.leave_no_core()
        confine.go_first_when_memory_runs_out()
        serve(connection, job)
        code = 0
    except ConnectionError:
        code = 0  # the service ended in the middle of a batch
    except Exception:
        log.exception("a worker could not go on")
    finally:
        os._exit(code)


def serve(connection: socket.socket, job: Job) -> None:
    """Answer each frame with one of its own, until the other side closes."""
    with connection, connection.makefile("rwb") as stream:
        while len(header := stream.read(frames.HEADER)) == frames.HEADER:
            payloads = frames.unpacked(stream.read(frames.body_size(header)))
            stream.write(_answer(job, payloads))
            stream.flush()


def _answer(job: Job, payloads: Sequence[bytes]) -> bytes:
    try:
        return frames.packed([DONE, *job(payloads)])
    except (MemoryError, frames.TooLong) as error:
        return frames.packed([TOO_MUCH, _told(error)])
    except Exception as error:  # noqa: BLE001 - handed to the service, which settles the message
        return frames.packed([FAILED, _told(error), traceback.format_exc().encode("utf-8", "replace")])


def _told(error: Exception) -> bytes:
    return f"{type(error).__name__}: {error}".removesuffix(": ").encode("utf-8", "replace")
