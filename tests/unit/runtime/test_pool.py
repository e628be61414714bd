"""Whatever a job does to its process, only its own article bears it, and the service goes on."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psutil  # type: ignore[import-untyped] # it has no types
import pytest
import uvloop

from services.extract.pool import Limits, Pool, Task, TemplateFailed, opened
from services.extract.pool.pool import JobFailed
from shared.errors import Reason, Rejected, Unavailable
from shared.runtime.batching import Batcher
from tests.paths import ROOT

QUICK = Limits(seconds=1.0, megabytes=300, payloads=1000)
PATIENT = Limits(seconds=60.0, megabytes=300, payloads=1000)


@asynccontextmanager
async def pool(limits: Limits = PATIENT, job: str = "open_job", workers: int = 1) -> AsyncIterator[Pool]:
    async with opened(f"tests.unit.runtime.pool_jobs:{job}", limits, workers=workers) as opened_pool:
        yield opened_pool


async def results(pool: Pool, payloads: Sequence[bytes], lanes: int = 1) -> list[bytes | BaseException]:
    async with Batcher(pool.run, size=16, lanes=lanes).running() as batcher:
        answers = (batcher.submit(Task(payload)) for payload in payloads)
        return await asyncio.gather(*answers, return_exceptions=True)


async def pid_of_a_worker(pool: Pool) -> int:
    [pid] = await pool.run([Task(b"pid")])
    assert isinstance(pid, bytes)
    return int(pid)


CULPRITS = [
    (b"exits", Reason.CRASH_LOOP, "exit code 3"),
    (b"faults", Reason.CRASH_LOOP, "SIGSEGV"),
    (b"is killed", Reason.MEMORY_LIMIT, "SIGKILL"),
    (b"spins", Reason.TIME_LIMIT, "not done within 1 s"),
    (b"waits", Reason.TIME_LIMIT, "not done within 1 s"),
    (b"takes 8 GB", Reason.MEMORY_LIMIT, "may take 300 MB"),
    (b"grows", Reason.MEMORY_LIMIT, "may take 300 MB"),
]


async def only_the_culprit_is_rejected(culprit: bytes, reason: Reason, detail: str) -> None:
    neighbours = [f"neighbour {number}".encode() for number in range(10)]
    limits = QUICK if reason is Reason.TIME_LIMIT else PATIENT
    async with pool(limits) as workers:
        answers = await results(workers, [*neighbours[:5], culprit, *neighbours[5:]])
        verdict = answers.pop(5)
        assert answers == [neighbour.upper() for neighbour in neighbours]
        assert isinstance(verdict, Rejected)
        assert verdict.reason == reason
        assert detail in verdict.detail
        assert await results(workers, [b"later"]) == [b"LATER"]


@pytest.mark.parametrize(("culprit", "reason", "detail"), CULPRITS, ids=str)
async def test_what_ends_its_worker_is_rejected_and_its_neighbours_are_done(
    culprit: bytes, reason: Reason, detail: str
) -> None:
    await only_the_culprit_is_rejected(culprit, reason, detail)


@pytest.mark.parametrize(("culprit", "reason", "detail"), [CULPRITS[0], CULPRITS[4]], ids=str)
def test_it_is_the_same_on_the_event_loop_of_the_services(culprit: bytes, reason: Reason, detail: str) -> None:
    uvloop.run(only_the_culprit_is_rejected(culprit, reason, detail))


async def test_a_result_without_end_is_rejected() -> None:
    async with pool(Limits(seconds=60, megabytes=1500, payloads=1000)) as workers:
        [verdict, small] = await results(workers, [b"says too much", b"small"])
    assert isinstance(verdict, Rejected)
    assert verdict.reason == Reason.MEMORY_LIMIT
    assert small == b"SMALL"


async def test_an_exception_is_told_with_its_trace_and_its_worker_goes_on() -> None:
    async with pool() as workers:
        before = await pid_of_a_worker(workers)
        [first, raised, last] = await results(workers, [b"first", b"raises", b"last"])
        assert await pid_of_a_worker(workers) == before
    assert (first, last) == (b"FIRST", b"LAST")
    assert isinstance(raised, JobFailed)
    assert str(raised) == "ValueError: three"
    assert "_raise" in raised.__notes__[0]


async def test_one_accident_is_not_held_against_an_article() -> None:
    async with pool() as workers:
        os.kill(await pid_of_a_worker(workers), signal.SIGKILL)
        assert await results(workers, [b"lone"]) == [b"LONE"]


async def test_large_results_come_whole() -> None:
    async with pool() as workers:
        assert await results(workers, [b"10 MB", b"10 MB"]) == [bytes(10_000_000)] * 2


async def test_two_workers_work_at_once() -> None:
    async with pool(QUICK, workers=2) as workers:
        spinning = asyncio.create_task(workers.run([Task(b"spins")]))
        done = await asyncio.wait_for(workers.run([Task(b"beside")]), 0.9)
        assert not spinning.done()
        [verdict] = await spinning
    assert done == [b"BESIDE"]
    assert isinstance(verdict, Rejected)


async def test_a_worker_is_renewed_after_its_share_of_articles() -> None:
    async with pool(Limits(seconds=60, megabytes=300, payloads=4)) as workers:
        pids = [await pid_of_a_worker(workers) for _ in range(12)]
        assert [len(set(pids[start : start + 4])) for start in (0, 4, 8)] == [1, 1, 1]
        assert len(set(pids)) == 3
        assert [pid for pid in set(pids) if psutil.pid_exists(pid)] == []


async def test_a_job_that_cannot_be_made_ready_says_why() -> None:
    with pytest.raises(TemplateFailed, match="LookupError: model xx is not installed: install its package"):
        async with pool(job="open_without_a_model"):
            pass
    with pytest.raises(Unavailable, match="it has ended"):
        async with pool(job="open_and_die"):
            pass


async def test_the_loss_of_the_template_is_told_and_no_article_is_blamed() -> None:
    lost = asyncio.Event()
    async with opened("tests.unit.runtime.pool_jobs:open_job", PATIENT, on_loss=lost.set) as workers:
        worker = psutil.Process(await pid_of_a_worker(workers))
        worker.parent().kill()
        await asyncio.wait_for(lost.wait(), 30)
        psutil.wait_procs([worker], timeout=60)
        with pytest.raises(Unavailable):
            await workers.run([Task(b"alone")])


async def test_signals_meant_for_the_service_do_not_end_what_it_is_finishing() -> None:
    async with pool() as workers:
        worker = psutil.Process(await pid_of_a_worker(workers))
        for process in (worker, worker.parent()):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
        assert await pid_of_a_worker(workers) == worker.pid


async def test_closing_ends_every_process_even_one_that_hangs() -> None:
    async with pool(workers=2) as workers:
        hanging = asyncio.create_task(workers.run([Task(b"spins")]))
        worker = psutil.Process(await pid_of_a_worker(workers))
        family = [worker.parent(), *worker.parent().children()]
        assert len(family) == 3
        hanging.cancel()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


SERVICE = """
import asyncio
from services.extract.pool import Limits, Task, opened

async def main():
    async with opened("tests.unit.runtime.pool_jobs:open_job", Limits(), workers=2) as pool:
        asyncio.create_task(pool.run([Task(b"spins")]))
        [pid] = await pool.run([Task(b"pid")])
        print(pid.decode(), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_no_process_stays_when_the_service_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVICE], cwd=ROOT, stdout=subprocess.PIPE) as service:
        assert service.stdout
        worker = psutil.Process(int(service.stdout.readline()))
        family = [worker.parent(), *worker.parent().children()]
        service.kill()
    assert len(family) == 3
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
