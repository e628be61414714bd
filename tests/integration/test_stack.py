"""The one-machine stack: it loses nothing when its parts are killed, and leaves nothing behind when it stops."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import psutil  # type: ignore[import-untyped] # it has no types
import pytest
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError
from pymongo import MongoClient

from shared.messages import ArticleSubmitted
from shared.topology import CONSUMERS
from tests.factories import BODY, a_submission
from wireroom.local import ports, state
from wireroom.local.stack import Stack, running
from wireroom.outcomes import follow
from wireroom.samples import sample_lines

PATIENCE = 60.0
PARTS = ("nats-server", "mongod", "ingest", "extract", "store")


@asynccontextmanager
async def broker_of(stack: Stack) -> AsyncIterator[JetStreamContext]:
    connection = await nats.connect(stack.nats_url, reconnect_time_wait=0.1, error_cb=_expected)
    try:
        yield connection.jetstream(timeout=10)
    finally:
        await connection.close()


async def _expected(_error: Exception) -> None:
    """The broker is killed on purpose."""


async def publish(js: JetStreamContext, article: ArticleSubmitted) -> int:
    """Publish as publishers do: again with the same id until the broker has it on disk."""
    headers = {"Nats-Msg-Id": f"submitted:{article.guid}"}
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                ack = await js.publish(
                    article.subject, article.model_dump_json().encode(), timeout=2, stream="INBOX", headers=headers
                )
            except (NatsError, APIError, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                return ack.seq


def documents(stack: Stack) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](stack.mongo_url, timeoutMS=20_000) as client:
        return list(client["wireroom"]["articles"].find())


def ended(pids: list[int]) -> bool:
    """Wait until none of the processes is left, each number still meaning what it did."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(found, timeout=PATIENCE)
    return not alive


@pytest.mark.timeout(300)
async def test_killing_each_part_in_turn_loses_nothing_and_changes_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    places: list[int] = []
    pids: list[int] = []

    async def some(js: JetStreamContext, name: str) -> None:
        places.extend([await publish(js, a_submission(guid=f"{name}-{number}")) for number in range(10)])

    async with running(tmp_path, said.append, usual_ports=False) as stack, broker_of(stack) as js:
        for consumer in CONSUMERS:  # what a killed process held comes again after seconds, not after two minutes
            await js.add_consumer(consumer.stream, replace(consumer.config, ack_wait=5))
        await some(js, "before")
        for part in PARTS:
            pid = stack.processes[part]
            pids += stack.processes.values()
            await some(js, f"{part}-alive")
            os.kill(pid, signal.SIGKILL)
            await some(js, f"{part}-killed")
        fates = await follow(js, places, patience=120, progress=lambda _: None)
        found = documents(stack)
        pids += stack.processes.values()

    assert {place: fate.outcome for place, fate in fates.items()} == dict.fromkeys(places, "inserted")
    assert len(found) == len(places) == 110
    assert {tuple(article["paragraphs"]) for article in found} == {tuple(BODY.split("\n\n"))}
    assert len({tuple(article["entity_keys"]) for article in found}) == 1
    for part in PARTS:
        assert any(line.startswith(f"{part} ended by SIGKILL; starting it again") for line in said)
    assert ended(pids)
    assert state.running(tmp_path) is None


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


def test_a_detached_stack_runs_until_it_is_told_to_stop_and_leaves_no_process(folder: Path) -> None:
    started = wireroom(folder, "up", "--detach", "--extract", "2")
    assert started.returncode == 0, started.stderr
    found = state.running(folder)
    assert found
    assert found.ready
    assert found.nats_url in started.stdout
    assert list(found.processes) == ["nats-server", "mongod", "ingest", "extract-1", "extract-2", "store"]
    again = wireroom(folder, "up")
    assert (again.returncode, state.running(folder)) == (1, found)
    assert f"Already running on {folder} as process {found.pid}" in again.stderr
    stopped = wireroom(folder, "down")
    assert stopped.returncode == 0, stopped.stderr
    assert ended([found.pid, *found.processes.values()])
    assert state.running(folder) is None
    assert "SIGKILL" not in (folder / "logs/supervisor.log").read_text()
    assert wireroom(folder, "down").returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that was killed")
def test_a_killed_supervisor_leaves_no_process_and_the_folder_can_be_used_again(folder: Path) -> None:
    assert wireroom(folder, "up", "--detach").returncode == 0
    found = state.running(folder)
    assert found
    os.kill(found.pid, signal.SIGKILL)
    assert ended([found.pid, *found.processes.values()])
    assert state.running(folder) is None
    again = wireroom(folder, "up", "--detach")
    assert again.returncode == 0, again.stderr


def test_the_demo_accounts_for_every_sample_and_leaves_no_file(tmp_path: Path) -> None:
    shown = wireroom(tmp_path / "unused", "demo", TMPDIR=str(tmp_path))
    assert shown.returncode == 0, shown.stderr
    line = re.search(r"^(\d+) published = (.*)$", shown.stdout, re.MULTILINE)
    assert line
    assert int(line[1]) == len(sample_lines())
    counted = {name: int(number) for number, name in re.findall(r"(\d+) ([a-z ]+?)(?: \+|$)", line[2])}
    assert sum(counted.values()) == len(sample_lines())
    assert (counted["set aside"], counted["updated"], counted["duplicate"]) == (1, 1, 1)
    assert "unknown_field" in shown.stdout
    assert "\x1b" not in shown.stdout + shown.stderr  # into a pipe no colours
    assert list(tmp_path.iterdir()) == []


def test_setup_says_within_seconds_which_broker_is_away_and_what_to_do(tmp_path: Path) -> None:
    [port] = ports.free(1)
    began = time.monotonic()
    told = wireroom(tmp_path, "setup", WIREROOM_NATS_URL=f"nats://127.0.0.1:{port}")
    assert told.returncode == 69
    assert f"nats://127.0.0.1:{port}" in told.stderr
    assert "wireroom up" in told.stderr
    assert "Traceback" not in told.stderr
    assert time.monotonic() - began < 10
