"""The one-machine stack: it starts, says what it does, and leaves nothing behind when it stops."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stacks import ended
from wireroom.local import ports, stack_state
from wireroom.samples import sample_lines


def wireroom(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    urls = ("WIREROOM_NATS_URL", "WIREROOM_MONGO_URL")
    environment = {name: value for name, value in os.environ.items() if name not in urls}
    return subprocess.run(
        [sys.executable, "-m", "wireroom", "--data", str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=environment | settings,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    wireroom(tmp_path, "down")


def test_a_detached_stack_runs_until_it_is_killed_or_told_to_stop_and_leaves_no_process(folder: Path) -> None:
    started = wireroom(folder, "up", "--detach", "--extract", "2")
    assert started.returncode == 0, started.stderr
    found = stack_state.running(folder)
    assert found
    assert found.ready
    assert found.nats_url in started.stdout
    assert list(found.processes) == ["nats-server", "mongod", "ingest", "extract-1", "extract-2", "store", "desk"]
    assert found.desk_url in started.stdout
    checked = wireroom(folder, "status", "--check")
    assert (checked.returncode, checked.stdout) == (0, ""), "each service can take work"
    again = wireroom(folder, "up")
    assert (again.returncode, stack_state.running(folder)) == (1, found)
    assert f"Already running on {folder} as process {found.pid}" in again.stderr
    if sys.platform == "linux":  # which alone ends the children of a process that was killed
        found = killed_and_started_again(folder, found)
    stopped = wireroom(folder, "down")
    assert stopped.returncode == 0, stopped.stderr
    assert ended([found.pid, *found.processes.values()])
    assert stack_state.running(folder) is None
    assert "SIGKILL" not in (folder / "logs/supervisor.log").read_text()
    assert wireroom(folder, "down").returncode == 0


def killed_and_started_again(folder: Path, found: stack_state.State) -> stack_state.State:
    os.kill(found.pid, signal.SIGKILL)
    assert ended([found.pid, *found.processes.values()])
    assert stack_state.running(folder) is None
    again = wireroom(folder, "up", "--detach")
    assert again.returncode == 0, again.stderr
    new = stack_state.running(folder)
    assert new
    assert new.pid != found.pid
    return new


def test_the_demo_accounts_for_every_sample_and_leaves_no_file(tmp_path: Path) -> None:
    shown = wireroom(tmp_path / "unused", "demo", TMPDIR=str(tmp_path))
    assert shown.returncode == 0, shown.stderr
    line = re.search(r"^(\d+) published = (.*)$", shown.stdout, re.MULTILINE)
    assert line
    assert int(line[1]) == len(sample_lines())
    counted = {name: int(number) for number, name in re.findall(r"(\d+) ([a-z -]+?)(?: \+|$)", line[2])}
    assert sum(counted.values()) == len(sample_lines())
    assert (counted["dead-lettered"], counted["duplicate"]) == (1, 1)
    assert counted.get("updated", 0) + counted.get("superseded", 0) == 1  # as the two versions arrived
    assert "unknown_field" in shown.stdout
    assert "\x1b" not in shown.stdout + shown.stderr  # into a pipe no colours
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_told_to_end_clears_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wireroom", "--data", str(tmp_path / "unused"), "demo"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as started:
        assert started.stderr
        assert b"nats-server" in started.stderr.readline()
        assert list(tmp_path.iterdir())
        started.terminate()
        rest = started.stderr.read()
        assert started.wait(60) == 143, rest
    assert b"Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_setup_says_within_seconds_which_broker_is_away_and_what_to_do(tmp_path: Path) -> None:
    [port] = ports.free(1)
    began = time.monotonic()
    told = wireroom(tmp_path, "setup", WIREROOM_NATS_URL=f"nats://127.0.0.1:{port}")
    assert told.returncode == 69
    assert f"nats://127.0.0.1:{port}" in told.stderr
    assert "wireroom up" in told.stderr
    assert "Traceback" not in told.stderr
    assert time.monotonic() - began < 60, "seconds, where nobody else uses the machine"
