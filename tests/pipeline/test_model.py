"""The model of the pipeline against the services on a broker in memory: many histories, each of many steps."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fakes.memory import MemoryPipeline
from tests.fakes.model import Driven, Machine


@asynccontextmanager
async def in_memory() -> AsyncIterator[Driven]:
    yield MemoryPipeline()


class InMemory(Machine):
    def open(self) -> AbstractAsyncContextManager[Driven]:
        return in_memory()


@pytest.mark.hypothesis
def test_whatever_happens_every_article_has_its_fate_and_none_goes_back() -> None:
    run_state_machine_as_test(InMemory, settings=settings(stateful_step_count=40))
