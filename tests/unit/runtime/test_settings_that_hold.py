"""Settings without which accepted articles could be lost: each is held here, so that no change lets go of one."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.store.mongo_connection import connect
from shared.runtime.run import load
from shared.settings import Settings
from shared.topology import PIPELINE
from tests.paths import ROOT
from wireroom.local import nats_server
from wireroom.local.mongod import HARDENING

CLOSED = """
import asyncio
from shared.runtime.run import load
from shared.settings import Settings

made = load("ingest")(Settings()).broker
asyncio.run(made._connection_kwargs["closed_cb"]())
"""


def connection(name: str) -> dict[str, Any]:
    made: Any = load(name)(Settings()).broker
    return dict(made._connection_kwargs)  # noqa: SLF001 - the client has no other way to ask before it connects


@pytest.mark.parametrize("name", PIPELINE)
def test_a_service_never_gives_up_its_broker_and_notices_within_seconds_that_it_is_gone(name: str) -> None:
    options = connection(name)
    assert options["allow_reconnect"]
    assert options["max_reconnect_attempts"] == -1, "after giving up, the pull loop starves the event loop (trap F6)"
    assert options["ping_interval"] * options["max_outstanding_pings"] <= 20, "the default is four minutes (trap F7)"


def test_a_connection_that_is_closed_for_good_ends_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", CLOSED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 70, ended.stderr


@pytest.mark.parametrize("options", ["", "?w=1&journal=false", "?w=0"])
async def test_a_write_is_acknowledged_by_the_disks_of_a_majority_whatever_the_address_says(options: str) -> None:
    async with connect(f"mongodb://127.0.0.1:1/{options}") as client:
        assert client.write_concern.document == {"w": "majority", "j": True}
        assert client.read_concern.level == "majority"
        assert client.options.retry_writes


def test_the_embedded_broker_has_a_message_on_disk_before_it_acknowledges(tmp_path: Path) -> None:
    nats_server.program(tmp_path, 4222)
    lines = [line.split("#")[0].strip() for line in (tmp_path / "nats.conf").read_text().splitlines()]
    assert "sync_interval: always" in lines


def test_the_broker_of_compose_reads_the_configuration_that_is_tested() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    assert "command: [--config, /etc/nats/nats.conf]" in compose
    assert "./deploy/nats.conf:/etc/nats/nats.conf:ro" in compose


def test_the_database_of_compose_is_hardened_as_the_embedded_one() -> None:
    [command] = re.findall(r"--bind_ip_all[^\]]*", (ROOT / "compose.yaml").read_text())
    words = tuple(re.findall(r"[^\s,]+", command))
    assert words[-len(HARDENING) :] == HARDENING
    assert {"--keyFile", "enableLocalhostAuthBypass=false"} < set(words)


def test_no_consumer_asks_for_headers_only() -> None:
    """nats-server 2.15.1 ends with a panic when such a consumer meets a block of headers that is one byte long."""
    files = [file for room in ("shared", "services", "wireroom", "examples") for file in (ROOT / room).rglob("*.py")]
    assert [file for file in files if "headers_only=" in file.read_text("utf-8")] == []


def test_extract_has_the_next_batch_of_each_worker_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    def prefetch() -> int:
        made: Any = load("extract")(Settings()).broker
        return int(made.reads.prefetch)

    assert prefetch() == 64
    monkeypatch.setenv("WIREROOM_EXTRACT_WORKERS", "6")
    assert prefetch() == 2 * 6 * 16
