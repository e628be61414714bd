"""How long one callback keeps an event loop, in processor time: other programs on the machine do not count."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch


@dataclass
class Longest:
    """``seconds`` of the callback that took most, and ``what`` it was."""

    seconds: float = 0.0
    what: str = ""


@contextmanager
def longest_callback() -> Iterator[Longest]:
    """Measure every callback of asyncio's own loops until the block ends; a step of a task is one.

    What the process of the tests had before is left out of garbage collections meanwhile, as no service has so much.
    """
    longest = Longest()
    run = asyncio.Handle._run  # noqa: SLF001 - each callback of a loop goes through it

    def measured(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        took = time.thread_time() - began
        if took > longest.seconds:
            longest.seconds, longest.what = took, repr(handle)[:300]

    gc.freeze()
    try:
        with patch.object(asyncio.Handle, "_run", measured):
            yield longest
    finally:
        gc.unfreeze()
