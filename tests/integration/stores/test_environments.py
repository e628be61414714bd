"""What each running process of the stack can read in its environment: addresses only where they are used."""

import json
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped] # it has no types
import pytest

from wireroom.local.local_stack import Stack, running

_SECRETS = {
    "WIREROOM_MONGO_URL": "mongodb://reader:hidden-1@db.example/",
    "wireroom_mongo_url": "mongodb://reader:hidden-2@db.example/",  # settings are read in any case
    "WIREROOM_NATS_URL": "nats://publisher:hidden-3@queue.example:4222",
}
_FOREIGN = {"A_TOKEN_OF_SOMETHING_ELSE": "hidden-4", "wireroom_extract_longest_name": "79"}


def environment(pid: int) -> dict[str, str]:
    """Return what the process was started with; a forked one has its parent's."""
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def command_lines(stack: Stack) -> list[str]:
    return [" ".join(psutil.Process(pid).cmdline()) for pid in stack.processes.values()]


def passwords(folder: Path) -> list[str]:
    made = json.loads((folder / "credentials/passwords.json").read_bytes())
    found = [password for users in made.values() for password in users.values()]
    assert len(found) > 8
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment of a process")
async def test_a_process_of_the_stack_knows_the_addresses_it_uses_and_its_parsers_know_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (_SECRETS | _FOREIGN).items():
        monkeypatch.setenv(name, value)
    async with running(tmp_path, lambda _: None, usual_ports=False) as stack:
        [template] = psutil.Process(stack.processes["extract"]).children()
        [worker] = template.children()
        seen = {name: environment(pid) for name, pid in stack.processes.items()}
        parsers = [environment(process.pid) for process in (template, worker)]
        mongo = {name for name, found in seen.items() if "WIREROOM_MONGO_URL_FILE" in found}
        assert mongo == {"store", "desk"}
        for name in ("ingest", "extract", "store", "desk"):
            assert Path(seen[name]["WIREROOM_NATS_URL_FILE"]) == tmp_path / "credentials" / name / "nats_url"
        shown = [*map(str, seen.values()), *map(str, parsers), *command_lines(stack)]
        for password in passwords(tmp_path):
            assert not [each for each in shown if password in each]
        for found in [*seen.values(), *parsers]:
            assert not set(_SECRETS.values()) & set(found.values())
        for found in parsers:
            assert not {"WIREROOM_NATS_URL_FILE", "WIREROOM_MONGO_URL_FILE", "A_TOKEN_OF_SOMETHING_ELSE"} & set(found)
            assert found["wireroom_extract_longest_name"] == "79"
            assert found["OPENBLAS_NUM_THREADS"] == "1"
