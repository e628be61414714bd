"""Rows of the fault matrix in which a service dies at its worst moment, has a defect, or reads a wrong clock."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from shared.topology import EXTRACT
from tests.faults.report import Report, judge
from tests.faults.rig.dying import CLOCK, DEFECT, EXIT
from tests.faults.rig.load import Load, submissions, take
from tests.faults.rig.watch import Watch
from tests.faults.test_matrix import SOME, hurry
from tests.stacks import broker_of
from wireroom.local import service_process
from wireroom.local.child_process import Program
from wireroom.local.local_stack import Stack, running

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(420)]

Make = Callable[..., Program]


@asynccontextmanager
async def stack_of(folder: Path, said: list[str]) -> AsyncIterator[tuple[Stack, JetStreamContext]]:
    async with running(folder, said.append, usual_ports=False) as stack, broker_of(stack) as js:
        await hurry(js)
        yield stack, js


def weakened(point: str, *names: str) -> Make:
    usual = service_process.program

    def program(kind: str, *arguments: object, **options: object) -> Program:
        made = usual(kind, *arguments, **options)  # type: ignore[arg-type] # passed on as they are
        command = (sys.executable, "-m", "tests.faults.rig.dying", kind, point)
        return replace(made, command=command) if kind in names else made

    return program


DEATHS = {
    "3/after its write": ("after-work", "store"),
    "3b/before ack": ("before-ack", "ingest", "extract", "store"),
    "3b/before term": ("before-term", "ingest", "extract"),
}


@pytest.fixture
def defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file whose being there makes weak services die or fail."""
    monkeypatch.setenv(DEFECT, str(tmp_path / "defect"))
    return tmp_path / "defect"


@pytest.fixture
def defect_of_extract(defect: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file whose being there makes extract fail at everything."""
    monkeypatch.setattr(service_process, "program", weakened("defect", "extract"))
    return defect


@contextmanager
def deployed(defect: Path) -> Iterator[None]:
    defect.touch()
    try:
        yield
    finally:
        defect.unlink()


@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.row(row)) for row in DEATHS])
async def test_a_death_at_the_worst_moment_loses_and_doubles_nothing(
    row: str, tmp_path: Path, report: Report, defect: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies at random until it has died three times at least; what then comes again is worked on alone."""
    said: list[str] = []
    monkeypatch.setattr(service_process, "program", weakened(*DEATHS[row]))
    poison = 0.3 if "term" in row else 0.02
    async with stack_of(tmp_path / "stack", said) as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=3, poison=poison) as load:
                with deployed(defect):
                    async with asyncio.timeout(120):
                        while _deaths(said) < 3:
                            await load.more(SOME)
            await judge(report, row, js, stack.mongo_url, load.entries, watch, deaths=_deaths(said))


def _deaths(said: list[str]) -> int:
    return sum(f"ended with exit code {EXIT}" in line for line in said)


async def deliveries(js: JetStreamContext) -> int:
    delivered = (await js.consumer_info(EXTRACT.stream, EXTRACT.durable)).delivered
    return delivered.consumer_seq if delivered else 0


@pytest.mark.row("19")
async def test_19_a_service_that_fails_at_everything_is_no_storm(
    tmp_path: Path, report: Report, defect_of_extract: Path
) -> None:
    articles = submissions(19, 0.0)
    async with stack_of(tmp_path / "stack", []) as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            with deployed(defect_of_extract):
                entries = [await take(js, next(articles)) for _ in range(500)]
                await asyncio.sleep(30)
                made, dead = await deliveries(js), (await js.stream_info("DEAD")).state.messages
            figures = {"deliveries_while_failing": made, "dead_while_failing": dead}
            await judge(report, "19", js, stack.mongo_url, entries, watch, **figures)
    assert made <= len(entries) * 6


@pytest.mark.row("22")
async def test_22_a_defect_that_is_deployed_stops_the_service_until_it_is_mended(
    tmp_path: Path, report: Report, defect_of_extract: Path
) -> None:
    async with stack_of(tmp_path / "stack", []) as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=22, poison=0.0) as load:
                await load.more(SOME)
                with deployed(defect_of_extract):
                    await load.more(4 * SOME)
                    await asyncio.sleep(15)
                    dead = (await js.stream_info("DEAD")).state.messages
                await load.more(SOME)
            await judge(report, "22", js, stack.mongo_url, load.entries, watch, dead_while_broken=dead)
    assert watch.red == {"extract"}


@pytest.mark.row("26")
async def test_26_clocks_that_jump_do_not_move_versions(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks of the services alone: to shift one under mongod hangs it, and the broker is a static binary."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    monkeypatch.setenv(CLOCK, str(clock))
    monkeypatch.setattr(service_process, "program", weakened("clock", "ingest", "extract", "store"))
    async with stack_of(tmp_path / "stack", []) as (stack, js):
        with Watch(stack.mongo_url, lambda: stack.processes, stack.health_ports) as watch:
            async with Load(js, tmp_path / "ledger", seed=26) as load:
                for seconds in (0, 3600, -3600, 40 * 365 * 86400, 0):
                    clock.write_text(str(seconds))
                    await load.more(SOME)
            ahead = _noted_ahead(tmp_path / "stack/logs/ingest.log")
            await judge(report, "26", js, stack.mongo_url, load.entries, watch, lines_from_the_future=ahead)
    assert ahead, "no clock was wrong"


def _noted_ahead(log: Path) -> int:
    """Count the lines of a log with a time that is still to come."""
    soon = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 600))
    return sum(line.partition('"time": "')[2][:16] > soon for line in log.read_text().splitlines())
