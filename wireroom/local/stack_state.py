"""What a running stack says of itself in its folder, and whether that is still true; every command reads it.

The supervisor holds a lock for as long as it lives and the kernel takes it away when it dies, however it dies.
The state counts only while the lock is held: a number of a process that is gone may name another one by now.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CREDENTIALS = "credentials"  # folder: services/setup/credentials.py
FOLDER_OF_CONTAINERS = "WIREROOM_CREDENTIALS_FOLDER"
_OPERATOR = "operator"  # as in shared/broker/permissions.py, which takes a tenth of a second to import
_LOCK = "lock"
_STATE = "state.json"
_LOCK_PATIENCE = 1.0  # seconds: a command that looks whether a stack runs holds the lock for an instant
_PAUSE = 0.05


class AlreadyRunning(Exception):  # noqa: N818 - what it is, to whoever catches it
    """Another supervisor has this folder."""


@dataclass(frozen=True)
class State:
    """``processes``: name to process id; ``health_ports``: name of a service to its port.

    The addresses are without users; ``guarded`` says that those with users are in the folder's credentials.
    """

    pid: int
    started: str
    nats_url: str
    mongo_url: str
    articles_url: str = ""  # of the HTTP input
    desk_url: str = ""
    ready: bool = False
    guarded: bool = False
    processes: dict[str, int] = field(default_factory=dict)
    health_ports: dict[str, int] = field(default_factory=dict)
    v: int = 1


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Have the folder to ourselves until the block ends; raises AlreadyRunning."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / _LOCK).open("a") as lock:
        deadline = time.monotonic() + _LOCK_PATIENCE
        while not _locked(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise AlreadyRunning(str(data))
            time.sleep(_PAUSE)
        _forget(data)  # a supervisor that was killed left it
        try:
            yield
        finally:
            _forget(data)


def write(data: Path, state: State) -> None:
    """Replace the state at once, so that no reader sees half of it."""
    fresh = data / f"{_STATE}.new"
    fresh.write_text(json.dumps(asdict(state), indent=1))
    fresh.replace(data / _STATE)


def running(data: Path) -> State | None:
    """Return the state of the stack that runs on this folder, if one does."""
    if not is_held(data):
        return None
    try:
        content: dict[str, Any] = json.loads((data / _STATE).read_bytes())
    except (OSError, ValueError):
        return None  # it is starting or stopping at this moment
    return State(**content) if content.get("v") == State.v else None


def is_held(data: Path) -> bool:
    """Whether a supervisor lives on this folder; a folder that cannot be read has none for us."""
    try:
        lock = (data / _LOCK).open("rb")
    except OSError:
        return False
    with lock:
        return not _locked(lock.fileno(), fcntl.LOCK_SH)


def apply_running_stack(data: Path) -> frozenset[str]:
    """Let settings find the running stack, and return which it sets; what the environment names already stays."""
    found = running(data)
    if not found:
        return frozenset()
    bare = {"WIREROOM_NATS_URL": found.nats_url, "WIREROOM_MONGO_URL": found.mongo_url}
    try:
        known = addresses(data, _OPERATOR) if found.guarded else bare
    except OSError:  # of another user of this machine, whom the servers would refuse
        known = bare
    named = {name.upper().removesuffix("_FILE") for name, value in os.environ.items() if value}
    missing = {name: url for name, url in known.items() if name not in named}
    os.environ.update(missing)
    return frozenset(missing)


def credentials_folder(data: Path) -> Path:
    """Return where the credentials of each user are: those of the containers, where they are named, or of the stack."""
    return Path(os.environ.get(FOLDER_OF_CONTAINERS) or data / CREDENTIALS)


def address_files(data: Path, user: str) -> dict[str, Path]:
    """Return by setting the files with the addresses that a user of the stack connects to; some may not exist."""
    folder = data / CREDENTIALS / user
    return {"WIREROOM_NATS_URL": folder / "nats_url", "WIREROOM_MONGO_URL": folder / "mongo_url"}


def addresses(data: Path, user: str) -> dict[str, str]:
    """Return by setting what a user of the stack connects to; raises OSError where that cannot be read."""
    return {name: path.read_text("utf-8") for name, path in address_files(data, user).items()}


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget(data: Path) -> None:
    (data / _STATE).unlink(missing_ok=True)
