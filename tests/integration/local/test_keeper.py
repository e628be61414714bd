"""Keeping one program running, with programs that are only shell or Python lines."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from wireroom.local.child_process import Program
from wireroom.local.supervisor import NotStarted, Supervisor

SLEEPER = "import time; print('here', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
PARENT = """
import subprocess, sys
from pathlib import Path
from wireroom.local.child_process import Program, command_line
async def probe(): ...
child = subprocess.Popen(command_line(Program("child", (sys.executable, "-c", sys.argv[1]), 0, probe, Path(), 1)))
print(child.pid, flush=True)
child.wait()
"""


def a_program(folder: Path, line: str, patience: float = 10) -> Program:
    log = folder / "program.log"

    async def probe() -> str | None:
        return "" if log.exists() and "here" in log.read_text() else None

    return Program("program", (sys.executable, "-c", line), 0, probe, log, patience)


def has_ended(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


async def test_a_program_that_cannot_start_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(a_program(tmp_path, "raise SystemExit('no such model')"), said.append, lambda: None)
    with pytest.raises(NotStarted, match=r"ended with exit code 1(.|\n)*no such model"):
        await keeper.start()
    await keeper.stop()
    assert len(said) == 2
    assert all("starting it again" in line for line in said)


async def test_a_program_that_does_not_end_in_time_is_killed_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(a_program(tmp_path, DEAF, patience=0.2), said.append, lambda: None)
    await keeper.start()
    pid = keeper.pid
    await keeper.stop()
    assert pid
    assert has_ended(pid)
    assert said[-1] == "program did not end within 0.2 s and was killed"


async def test_stopping_a_program_that_was_not_started_does_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    await Supervisor(a_program(tmp_path, SLEEPER), said.append, lambda: None).stop()
    assert said == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that was killed")
def test_the_kernel_ends_a_program_whose_supervisor_was_killed() -> None:
    # the child has the pipe too: it is at its end only when both processes are gone
    parent = subprocess.Popen([sys.executable, "-c", PARENT, SLEEPER], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == "here\n"
    assert not has_ended(child)
    parent.send_signal(signal.SIGKILL)
    rest, _ = parent.communicate(timeout=60)
    assert rest == ""
