"""Micro-batches behind one-message handlers: each message keeps its own answer, the work is done together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from shared.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")
Run = Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]


class Batcher(Generic[T, R]):
    """Collects what is waiting, at most ``size``, and runs it; never waits for a batch to fill.

    While one batch runs the next gathers, so batches grow with the load and a lone message goes at once.
    """

    def __init__(self, run: Run[T, R], *, size: int) -> None:
        self._run, self._size = run, size
        self._waiting: asyncio.Queue[tuple[T, asyncio.Future[R]]] = asyncio.Queue()

    async def submit(self, item: T) -> R:
        """Return this item's own result, or raise its own exception."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((item, answer))
        return await answer

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Batcher[T, R]"]:
        """Work while the block runs."""
        task = asyncio.create_task(self._work())
        try:
            yield self
        finally:
            task.cancel()

    async def _work(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            await asyncio.sleep(0)  # lets every handler of the same fetch put its item in
            while len(batch) < self._size and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            wanted = [(item, answer) for item, answer in batch if not answer.done()]
            if wanted:
                results = await self._results([item for item, _ in wanted])
                for (_, answer), result in zip(wanted, results, strict=True):
                    _resolve(answer, result)

    async def _results(self, items: list[T]) -> Sequence[R | Exception]:
        """Run the batch; one that fails is run again one by one, so that only the culprit bears it."""
        outcome = await self._attempt(items)
        if not isinstance(outcome, Exception):
            return outcome
        if isinstance(outcome, Unavailable) or len(items) == 1:
            return [outcome] * len(items)
        return [(await self._results([item]))[0] for item in items]

    async def _attempt(self, items: list[T]) -> Sequence[R | Exception] | Exception:
        try:
            return await self._run(items)
        except Exception as error:  # noqa: BLE001 - handed to the item's own handler, where it is settled
            return error


def _resolve(answer: "asyncio.Future[R]", result: R | Exception) -> None:
    if answer.done():
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
