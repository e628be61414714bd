"""Each message keeps its own answer, whatever becomes of its neighbours."""

import asyncio
import time
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from shared.errors import Unavailable
from shared.runtime.batching import Batcher


async def test_what_waits_is_done_together_and_each_gets_its_own_answer() -> None:
    batches: list[list[int]] = []

    async def double(items: Sequence[int]) -> list[int | Exception]:
        batches.append(list(items))
        return [2 * item for item in items]

    async with Batcher(double, size=4).running() as batcher:
        answers = await asyncio.gather(*(batcher.submit(number) for number in range(10)))
    assert answers == [2 * number for number in range(10)]
    assert [len(batch) for batch in batches] == [4, 4, 2]


async def test_the_wait_and_the_work_of_each_item_become_spans_also_where_it_fails() -> None:
    spans: dict[str, list[tuple[str, int]]] = {}
    span_of: ContextVar[str] = ContextVar("span_of")  # as a tracer keeps its current span
    moments: list[int] = []

    def add_span(name: str, began: int, ended: int, articles: int = 1) -> None:
        spans.setdefault(span_of.get(), []).append((name, articles))
        moments.extend((began, ended))

    async def picky(items: Sequence[str]) -> list[str | Exception]:
        return [ValueError(item) if item == "bad" else item for item in items]

    async def submit(batcher: Batcher[str, str], item: str) -> str:
        span_of.set(item)
        return await batcher.submit(item)

    before = time.time_ns()
    async with Batcher(picky, size=8, add_span=add_span, span="work").running() as batcher:
        await asyncio.gather(submit(batcher, "good"), submit(batcher, "bad"), return_exceptions=True)
        await submit(batcher, "alone")
    both, alone = [("batch wait", 1), ("work", 2)], [("batch wait", 1), ("work", 1)]
    assert spans == {"good": both, "bad": both, "alone": alone}
    assert before <= min(moments)
    assert all(began <= ended for began, ended in zip(moments[::2], moments[1::2], strict=True))


async def test_a_lone_item_does_not_wait_for_a_batch_to_fill() -> None:
    async def same(items: Sequence[str]) -> list[str | Exception]:
        return list(items)

    async with Batcher(same, size=100).running() as batcher:
        assert await asyncio.wait_for(batcher.submit("alone"), 5) == "alone"


async def test_where_enough_waits_the_next_batch_begins_before_anyone_works_on_the_answers_of_the_last() -> None:
    events: list[str] = []

    async def same(items: Sequence[str]) -> list[str | Exception]:
        events.append(f"begin {' '.join(items)}")
        await asyncio.sleep(0)
        return list(items)

    async def ask(batcher: Batcher[str, str], item: str) -> None:
        events.append(f"answer {await batcher.submit(item)}")

    async with Batcher(same, size=2).running() as batcher:
        await asyncio.gather(*(ask(batcher, item) for item in "abcd"))
    assert events == ["begin a b", "begin c d", "answer a", "answer b", "answer c", "answer d"]


async def test_an_exception_in_the_answers_reaches_only_its_own_item() -> None:
    async def picky(items: Sequence[int]) -> list[int | Exception]:
        return [ValueError(item) if item == 3 else item for item in items]

    async with Batcher(picky, size=8).running() as batcher:
        answers = await asyncio.gather(*(batcher.submit(number) for number in range(6)), return_exceptions=True)
    assert isinstance(answers.pop(3), ValueError)
    assert answers == [0, 1, 2, 4, 5]


async def test_a_batch_that_fails_is_done_one_by_one_so_that_only_the_culprit_bears_it() -> None:
    async def fragile(items: Sequence[int]) -> list[int | Exception]:
        if 3 in items:
            raise RuntimeError("three")
        return list(items)

    async with Batcher(fragile, size=8).running() as batcher:
        answers = await asyncio.gather(*(batcher.submit(number) for number in range(6)), return_exceptions=True)
    assert isinstance(answers.pop(3), RuntimeError)
    assert answers == [0, 1, 2, 4, 5]


async def test_an_outage_is_told_to_all_and_not_tried_for_each() -> None:
    calls = 0

    async def away(_items: Sequence[int]) -> list[int | Exception]:
        nonlocal calls
        calls += 1
        raise Unavailable("MongoDB", "db", "refused")

    async with Batcher(away, size=8).running() as batcher:
        answers = await asyncio.gather(*(batcher.submit(number) for number in range(6)), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert calls == 1


async def test_an_item_whose_caller_has_gone_is_not_worked_on() -> None:
    seen: list[str] = []
    release = asyncio.Event()

    async def slow(items: Sequence[str]) -> list[str | Exception]:
        seen.extend(items)
        await release.wait()
        return list(items)

    async with Batcher(slow, size=1).running() as batcher:
        first = asyncio.create_task(batcher.submit("first"))
        gone = asyncio.create_task(batcher.submit("gone"))
        while not seen:  # noqa: ASYNC110 - gives the batcher its turns; there is no event to wait for inside it
            await asyncio.sleep(0)
        gone.cancel()
        release.set()
        assert await first == "first"
        assert await batcher.submit("last") == "last"
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert seen == ["first", "last"]


async def test_what_waits_is_shared_among_the_lanes_that_are_free() -> None:
    batches: list[int] = []
    both = asyncio.Barrier(2)

    async def together(items: Sequence[int]) -> list[int | Exception]:
        batches.append(len(items))
        await both.wait()
        return list(items)

    async with Batcher(together, size=16, lanes=2).running() as batcher:
        answers = await asyncio.wait_for(asyncio.gather(*(batcher.submit(number) for number in range(10))), 30)
    assert answers == list(range(10))
    assert batches == [5, 5]


async def test_of_a_batch_that_failed_each_has_its_answer_as_soon_as_it_is_done() -> None:
    never = asyncio.Event()

    async def stuck_at_last(items: Sequence[int]) -> list[int | Exception]:
        if len(items) > 1:
            raise RuntimeError("one of them")
        if items == [2]:
            await never.wait()
        return list(items)

    async with Batcher(stuck_at_last, size=8).running() as batcher:
        answers = [asyncio.create_task(batcher.submit(number)) for number in range(3)]
        assert await asyncio.wait_for(asyncio.gather(*answers[:2]), 30) == [0, 1]
        assert not answers[2].done()


async def test_with_patience_what_comes_one_by_one_is_done_together() -> None:
    batches: list[int] = []

    async def count(items: Sequence[int]) -> list[int | Exception]:
        batches.append(len(items))
        return list(items)

    async with Batcher(count, size=100, patience=0.2, enough=10).running() as batcher:
        waiting = set[asyncio.Task[int]]()
        for number in range(20):
            waiting.add(asyncio.create_task(batcher.submit(number)))
            await asyncio.sleep(0)
        done, _ = await asyncio.wait(waiting, timeout=20)
    assert len(done) == 20
    assert max(batches) >= 10
    assert len(batches) <= 3


async def test_patience_for_a_lone_item_ends() -> None:
    async def same(items: Sequence[str]) -> list[str | Exception]:
        return list(items)

    async with Batcher(same, size=100, patience=0.01, enough=10).running() as batcher:
        assert await asyncio.wait_for(batcher.submit("alone"), 5) == "alone"
