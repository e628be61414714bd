"""The state of the one-machine stack counts only while its supervisor lives, and is never read half written."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wireroom.local import stack_state
from wireroom.local.stack_state import AlreadyRunning, State, apply_running_stack, held, running

NATS, MONGO = "nats://127.0.0.1:23456", "mongodb://127.0.0.1:23457/?directConnection=true"
SUPERVISOR = """
import os, sys, time
from pathlib import Path
from wireroom.local.stack_state import State, held, write
folder = Path(sys.argv[1])
with held(folder):
    write(folder, State(os.getpid(), "2026-03-01T12:00:00+00:00", "nats://127.0.0.1:1", "mongodb://127.0.0.1:2"))
    print("written", flush=True)
    sys.stdin.read()
"""


def a_state(**fields: object) -> State:
    known = {"pid": os.getpid(), "started": "2026-03-01T12:00:00+00:00", "nats_url": NATS, "mongo_url": MONGO}
    return State(**(known | fields))  # type: ignore[arg-type] # whatever the test names


@pytest.fixture
def no_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WIREROOM_NATS_URL", "WIREROOM_MONGO_URL"):
        monkeypatch.setenv(name, "")  # so that what the test sets is taken back after it
        monkeypatch.delenv(name)


def test_what_the_supervisor_writes_is_what_a_command_reads(tmp_path: Path) -> None:
    written = a_state(ready=True, processes={"mongod": 7}, health_ports={"store": 23458})
    with held(tmp_path):
        stack_state.write(tmp_path, written)
        assert running(tmp_path) == written


def test_a_folder_without_a_stack_has_no_state(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    assert running(tmp_path / "nowhere") is None
    assert not (tmp_path / "nowhere").exists()


def test_a_state_that_nobody_stands_behind_does_not_count(tmp_path: Path) -> None:
    with held(tmp_path):
        pass
    stack_state.write(tmp_path, a_state())  # its process lives and is this one, but it is no supervisor
    assert running(tmp_path) is None


def test_the_state_of_a_supervisor_that_was_killed_does_not_count_and_goes(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with supervisor:
        assert supervisor.stdout
        assert supervisor.stdout.readline() == b"written\n"
        alive = running(tmp_path)
        supervisor.kill()
        supervisor.wait()
    assert alive
    assert alive.pid == supervisor.pid
    assert (tmp_path / "state.json").exists()
    assert running(tmp_path) is None
    with held(tmp_path):
        assert not (tmp_path / "state.json").exists()


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(AlreadyRunning), held(tmp_path):
        pytest.fail("the folder was given away twice")
    with held(tmp_path):
        assert stack_state.is_held(tmp_path)
    assert not stack_state.is_held(tmp_path)


def test_looking_does_not_keep_a_supervisor_out(tmp_path: Path) -> None:
    with held(tmp_path):
        pass
    enough = threading.Event()

    def look() -> None:
        while not enough.is_set():
            stack_state.is_held(tmp_path)

    onlooker = threading.Thread(target=look)
    onlooker.start()
    try:
        for _ in range(20):
            with held(tmp_path):
                assert (tmp_path / "lock").exists()
    finally:
        enough.set()
        onlooker.join()


def test_a_reader_never_sees_half_a_state(tmp_path: Path) -> None:
    stack_state.write(tmp_path, a_state())
    enough = threading.Event()

    def write_short_and_long() -> None:
        while not enough.is_set():
            stack_state.write(tmp_path, a_state(processes={}))
            stack_state.write(tmp_path, a_state(processes={f"extract-{n}": n for n in range(2000)}))

    writer = threading.Thread(target=write_short_and_long)
    writer.start()
    try:
        sizes = {len(json.loads((tmp_path / "state.json").read_bytes())["processes"]) for _ in range(200)}
    finally:
        enough.set()
        writer.join()
    assert sizes <= {0, 2000}


def test_the_state_of_another_version_of_wireroom_is_not_understood_by_guessing(tmp_path: Path) -> None:
    with held(tmp_path):
        (tmp_path / "state.json").write_text(json.dumps({"v": 2, "pid": 1, "broker": NATS}))
        assert running(tmp_path) is None


@pytest.mark.usefixtures("no_urls")
def test_commands_find_the_running_stack(tmp_path: Path) -> None:
    with held(tmp_path):
        stack_state.write(tmp_path, a_state())
        apply_running_stack(tmp_path)
    assert (os.environ["WIREROOM_NATS_URL"], os.environ["WIREROOM_MONGO_URL"]) == (NATS, MONGO)


@pytest.mark.usefixtures("no_urls")
def test_what_the_environment_names_comes_before_the_running_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREROOM_NATS_URL", "nats://queue.example:4222")
    with held(tmp_path):
        stack_state.write(tmp_path, a_state())
        apply_running_stack(tmp_path)
    assert (os.environ["WIREROOM_NATS_URL"], os.environ["WIREROOM_MONGO_URL"]) == ("nats://queue.example:4222", MONGO)
