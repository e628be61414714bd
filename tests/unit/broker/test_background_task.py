"""A background task begins again after an error, ends with its block, and says what went wrong."""

import asyncio

import pytest

from shared.runtime.service import kept_running


async def test_it_begins_again_after_an_error_which_is_told(caplog: pytest.LogCaptureFixture) -> None:
    began, third = list[int](), asyncio.Event()

    async def work() -> None:
        began.append(1)
        if len(began) < 3:
            raise TimeoutError
        third.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(60), kept_running(work, "nothing is polled", pause=0):
        await third.wait()
    assert [record.getMessage() for record in caplog.records] == ["nothing is polled, and it is tried again"] * 2
    assert len(began) == 3


async def test_it_ends_with_its_block() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with kept_running(work, "it"):
        await asyncio.sleep(0)
    assert ended.is_set()
