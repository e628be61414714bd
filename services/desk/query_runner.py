"""Runs blocking queries in a few threads of their own, each with a time limit."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.desk.search_engine import QueryTimeoutError

T = TypeVar("T")
_THREADS = 4  # a query that never ends keeps one of them


class QueryRunner:
    """Close it to let go of its threads."""

    def __init__(self, time_limit: float, threads: int = _THREADS) -> None:
        self._limit = time_limit
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="query")

    async def run(self, query: Callable[[], T]) -> T:
        """Return what the query returns; raises QueryTimeoutError where that takes too long, waiting included."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, query)
        try:
            return await asyncio.wait_for(future, self._limit)
        except TimeoutError as error:
            if isinstance(error, QueryTimeoutError):
                raise
            raise QueryTimeoutError(f"The query took longer than {self._limit:g} s. Narrow it by dates.") from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
