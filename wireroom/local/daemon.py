"""A supervisor in a session of its own: started, waited for and stopped by other commands."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import wireroom
from wireroom.local import stack_state
from wireroom.local.supervisor import NotStarted

UP_LIMIT = 150.0  # seconds; each part has 60 of them to become ready
DOWN_LIMIT = 90.0  # seconds; longer than all parts together have to end by themselves
_PAUSE = 0.05


def start(data: Path, extract: int, *, restored: bool = False) -> stack_state.State:
    """Run ``wireroom up`` and return once it is ready; raises NotStarted with what it said."""
    folder = data.absolute()
    command = [sys.executable, "-m", "wireroom", "--data", str(folder), "up", "--detached", "--extract", str(extract)]
    command += ["--restored"] if restored else []
    said = folder / "logs/start.out"  # until it is ready; from then on it writes logs/supervisor.log alone
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    said.parent.mkdir(exist_ok=True)
    with said.open("wb") as output:
        supervisor = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=Path(wireroom.__file__).parents[1],  # where Python looks first: never a folder of the user's
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    found = None
    try:
        found = _until_ready(folder, supervisor)
    finally:
        if found is None:
            supervisor.terminate()
    if found is None:
        cause = said.read_text("utf-8", "replace").strip()
        raise NotStarted(f"{cause}\nThe logs are in {said.parent}.")
    return found


def _until_ready(folder: Path, supervisor: subprocess.Popen[bytes]) -> stack_state.State | None:
    deadline = time.monotonic() + UP_LIMIT
    while supervisor.poll() is None and time.monotonic() < deadline:
        found = stack_state.running(folder)
        if found and found.ready:
            return found
        time.sleep(_PAUSE)
    return None


def stop(data: Path, found: stack_state.State) -> bool:
    """Ask the supervisor to stop everything; returns whether it has, within the limit."""
    os.kill(found.pid, signal.SIGTERM)  # it holds the folder's lock, so the number is its own
    deadline = time.monotonic() + DOWN_LIMIT
    while stack_state.is_held(data) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return not stack_state.is_held(data)
