"""Micro-batching behind handlers of single messages: items are processed together, each gets its own result."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import Unavailable
from shared.observability.add_span import AddSpan

T = TypeVar("T")
R = TypeVar("R")
Run = Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]

BATCH_WAIT = "batch wait"  # name of the span from when an item was submitted to when work on its batch began


@dataclass(eq=False, slots=True)
class _Entry(Generic[T, R]):
    """One item, where its result goes and, where traces are exported, when it was taken (ns) and with how many."""

    item: T
    answer: "asyncio.Future[R]"
    taken: int = 0
    together: int = 0


class Batcher(Generic[T, R]):
    """Collects what is waiting, at most ``size``, and runs it; never waits for a batch to fill, unless told to.

    With ``patience``, in seconds, it waits so long after the first item for ``enough`` of them.
    While one batch runs the next gathers, so batches grow with the load and a lone message goes at once.
    As many batches run at once as there are ``lanes``; what waits is shared among those that are free.
    With ``add_span`` the wait of each item becomes a span below that of who submits it, and the run of its batch one
    named ``span``.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        run: Run[T, R],
        *,
        size: int,
        lanes: int = 1,
        patience: float = 0.0,
        enough: int = 1,
        add_span: AddSpan | None = None,
        span: str | None = None,
    ) -> None:
        self._run, self._size, self._lanes = run, size, lanes
        self._add_span, self._span = add_span, span
        self._patience, self._enough = patience, enough
        self._filled = asyncio.Event()
        self._free = 0
        self._waiting: asyncio.Queue[_Entry[T, R]] = asyncio.Queue()

    async def submit(self, item: T) -> R:
        """Return this item's own result, or raise its own exception."""
        entry = _Entry[T, R](item, asyncio.get_running_loop().create_future())
        self._waiting.put_nowait(entry)
        if self._waiting.qsize() >= self._enough - 1:  # the first of a batch is no longer in the queue
            self._filled.set()
        return await (self._traced(entry, self._add_span) if self._add_span else entry.answer)

    async def _traced(self, entry: _Entry[T, R], add_span: AddSpan) -> R:
        """Wait for the result, and add the spans of this item also where it is an exception."""
        submitted = time.time_ns()
        try:
            return await entry.answer
        finally:
            if entry.taken:
                add_span(BATCH_WAIT, submitted, entry.taken)
                if self._span:
                    add_span(self._span, entry.taken, time.time_ns(), entry.together)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Batcher[T, R]"]:
        """Work while the block runs."""
        lanes = [asyncio.create_task(self._work()) for _ in range(self._lanes)]
        try:
            yield self
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.wait(lanes)

    async def _work(self) -> None:
        while True:
            wanted = [entry for entry in await self._batch() if not entry.answer.done()]
            if self._add_span:
                taken = time.time_ns()
                for entry in wanted:
                    entry.taken, entry.together = taken, len(wanted)
            if wanted:
                await self._settle(wanted)

    async def _batch(self) -> list[_Entry[T, R]]:
        """Wait for the first item, and return it with this lane's share of what else waits."""
        self._free += 1
        try:
            batch = [await self._waiting.get()]
            if self._patience:
                await self._fill()
            if self._waiting.qsize() + 1 < self._size * self._free:
                await asyncio.sleep(0)  # lets every handler that can run now put its item in
            share = min(self._size, -(-(1 + self._waiting.qsize()) // self._free))
        finally:
            self._free -= 1
        while len(batch) < share and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        return batch

    async def _fill(self) -> None:
        if self._waiting.qsize() < self._enough - 1:
            self._filled.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._filled.wait(), self._patience)

    async def _settle(self, wanted: Sequence[_Entry[T, R]]) -> None:
        """Run the batch; one that fails is run again one by one, so that only the culprit bears it."""
        outcome = await self._attempt([entry.item for entry in wanted])
        if isinstance(outcome, Exception) and not isinstance(outcome, Unavailable) and len(wanted) > 1:
            for one in wanted:
                await self._settle([one])
            return
        results = [outcome] * len(wanted) if isinstance(outcome, Exception) else outcome
        for entry, result in zip(wanted, results, strict=True):
            _resolve(entry.answer, result)

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
