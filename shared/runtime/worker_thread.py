"""Work on large messages beside the event loop, so that health checks and all other messages go on meanwhile.

In a thread: between two bytecodes it gives Python's lock back, so the loop waits for one call in C at most. What may
call for longer has to be cut into parts, or belongs into another process. A collection of garbage is such a call too,
and a large message has hundreds of thousands of objects to look through, so there is none before it is done.
"""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import ParamSpec, TypeVar

LARGE = 64 * 1024  # bytes; what is done to a smaller message takes some milliseconds at worst, a change of threads 0.1

P = ParamSpec("P")
R = TypeVar("R")


async def off_loop(size: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call the function, for a message of ``size`` bytes in the thread for large ones, and return what it returns."""
    if size < LARGE:
        return function(*args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_thread(), partial(_uncollected, function, *args, **kwargs))


def _uncollected(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    gc.disable()
    try:
        return function(*args, **kwargs)
    finally:
        gc.enable()


@lru_cache(maxsize=1)
def _thread() -> ThreadPoolExecutor:
    """Return one thread: several would not work faster, and the loop would wait for the lock behind them all."""
    return ThreadPoolExecutor(1, thread_name_prefix="large-message")
