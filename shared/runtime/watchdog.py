"""Ends a process whose event loop does not turn: nothing inside it could say so, and no signal reaches it.

A thread counts the seconds without a turn. Where even the thread cannot run, because C code keeps Python's lock, the
kernel ends the process by the processor time it burns. Time for which the whole process was stopped counts for neither.
"""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.observability.probes import EXIT_STUCK

LIMIT = 30.0  # seconds without a turn of the loop
CPU_LIMIT = 60.0  # seconds of processor time without a turn of the thread
_TURNS = 30  # looks within the limit


class _Pulse:
    """Moves with each turn of the loop."""

    def __init__(self) -> None:
        self.beats = 0

    async def beat(self, every: float) -> None:
        while True:
            self.beats += 1
            await asyncio.sleep(every)


@asynccontextmanager
async def watchdog(limit: float = LIMIT, cpu_limit: float = CPU_LIMIT) -> AsyncIterator[None]:
    """Watch the running loop until the block ends; what is stuck is shown on standard error, all threads of it."""
    pulse, over = _Pulse(), threading.Event()
    faulthandler.register(signal.SIGPROF, all_threads=True, chain=True)  # then as by default: the process ends
    signal.setitimer(signal.ITIMER_PROF, cpu_limit)  # from the first moment on: the thread may never get to run
    beating = asyncio.create_task(pulse.beat(limit / _TURNS))
    threading.Thread(target=_watch, args=(pulse, over, limit, cpu_limit), name="watchdog", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        beating.cancel()
        signal.setitimer(signal.ITIMER_PROF, 0)


def _watch(pulse: _Pulse, over: threading.Event, limit: float, cpu_limit: float) -> None:
    seen, still = -1, 0
    while not over.wait(limit / _TURNS):
        signal.setitimer(signal.ITIMER_PROF, cpu_limit)
        seen, still = pulse.beats, still + 1 if pulse.beats == seen else 0
        if still > _TURNS:
            print(f"the event loop has not turned for {limit:g} s; ending this process", file=sys.stderr, flush=True)  # noqa: T201 - a lock of logging may be what is stuck
            faulthandler.dump_traceback(all_threads=True)
            os._exit(EXIT_STUCK)
