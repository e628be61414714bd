"""A process whose event loop stands still ends, says where it stood, and is not ended for having been stopped."""

import os
import signal
import subprocess
import sys

import psutil  # type: ignore[import-untyped] # it has no types
import pytest

from tests.paths import ROOT

PATIENCE = 120  # seconds
PROGRAM = """
import asyncio, re, sys, threading, time
from shared.runtime.watchdog import watchdog

def keeps_the_lock():
    re.match(r"(a+)+$", "a" * 60 + "b")

async def main():
    async with watchdog(limit=1.5, cpu_limit=1.5):
        print("here", flush=True)
        await asyncio.sleep({after})
        {what}

asyncio.run(main())
"""


def a_process(what: str, after: float = 0.2) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(what=what, after=after)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout
    assert process.stdout.readline() == "here\n"
    return process


def test_a_loop_that_is_blocked_ends_its_process_with_70_and_shows_where() -> None:
    process = a_process("time.sleep(600)")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 70
    assert "the event loop has not turned for 1.5 s" in said
    assert "in main" in said
    assert "watchdog.py" in said, "all threads are shown"


@pytest.mark.skipif(sys.platform == "win32", reason="needs interval timers")
def test_c_code_that_keeps_the_interpreter_for_itself_is_ended_by_the_kernel() -> None:
    process = a_process("await asyncio.to_thread(keeps_the_lock)")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGPROF
    assert "in keeps_the_lock" in said


@pytest.mark.skipif(sys.platform == "win32", reason="needs interval timers")
def test_it_is_armed_before_anything_runs_on_the_loop() -> None:
    process = a_process("keeps_the_lock()", after=0)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGPROF
    assert "in keeps_the_lock" in said


@pytest.mark.skipif(sys.platform != "linux", reason="reads the state of a process as Linux tells it")
def test_a_process_that_was_stopped_for_longer_goes_on() -> None:
    process = a_process("await asyncio.sleep(5)")
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2.5)
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    os.kill(process.pid, signal.SIGCONT)
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, "")


def test_a_loop_that_turns_is_left_alone() -> None:
    process = a_process("await asyncio.sleep(3)")
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, "")
