"""Whoever is in the networks of compose.yaml without credentials gets nothing but whether the services live.

And no container shows a password to whoever may look at containers.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.containers.compose_stack import DOCKER, Stack

pytestmark = pytest.mark.timeout(900)
SERVERS = {
    "nats": (4222, 6222, 8222),
    "mongo": (27017,),
    "ingest": (8080, 8600),
    "desk": (8080, 8601),
    "extract": (8080,),
    "store": (8080,),
}


def attacked(stack: Stack, network: str) -> Mapping[str, str]:
    """Return what an image of ours, started by hand into one network, is told."""
    command = [
        *(DOCKER, "run", "--rm", "--interactive", "--network", f"{stack.project}_{network}", "--entrypoint", "python"),
        *(f"{stack.project}-tools", "-", json.dumps(SERVERS)),
    ]
    program = Path(__file__).with_name("stranger.py").read_text("utf-8")
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    said: dict[str, str] = json.loads(done.stdout)
    return said


def test_who_is_in_the_network_of_the_queue_learns_that_services_live_and_no_more(stack: Stack) -> None:
    said = attacked(stack, "queue")
    assert said["mongo:27017"] == "unknown", "the database is in another network"
    assert {each for each, state in said.items() if state == "open"} == {
        *("nats:4222", "ingest:8080", "extract:8080", "store:8080", "desk:8080", "desk:8601")
    }, "the HTTP input opens with its first token"
    for name in ("nobody", "operator", "token"):
        assert said[f"broker as {name}"] == "Error: nats: 'Authorization Violation'"
    for host in ("ingest", "extract", "store", "desk"):
        pages = {name.partition("/")[2]: answer for name, answer in said.items() if name.startswith(f"{host}:8080/")}
        assert pages.pop("livez") == "200 b'alive'"
        assert pages.pop("readyz") == "200 b'{}'"
        assert {name: answer[:3] for name, answer in pages.items() if answer[:3] != "404"} == {
            "metrics": "401", "metrics by guessing": "401", "asyncapi": "401"
        }  # fmt: skip
    desk = {name: answer for name, answer in said.items() if name.startswith("desk:8601/")}
    assert not [answer for answer in desk.values() if answer.startswith("200")], desk


def test_who_is_in_the_network_of_the_database_gets_nothing_from_it(stack: Stack) -> None:
    said = attacked(stack, "data")
    assert {said[f"nats:{port}"] for port in SERVERS["nats"]} == {"unknown"}
    database = {name: answer for name, answer in said.items() if name.startswith("database")}
    assert len(database) == 7
    assert [name for name, answer in database.items() if "requires authentication" not in answer] == []


def test_nobody_reaches_the_internet_but_what_fetches_or_calls(stack: Stack) -> None:
    networks = {
        found["Config"]["Labels"]["com.docker.compose.service"]: {
            name.removeprefix(f"{stack.project}_") for name in found["NetworkSettings"]["Networks"]
        }
        for found in stack.containers()
    }
    assert {name for name, found in networks.items() if "outside" in found} == {"ingest", "desk"}
    assert {name for name, found in networks.items() if "data" in found} == {"mongo", "setup", "store", "desk"}
    for name in ("queue", "data"):
        command = [DOCKER, "network", "inspect", f"{stack.project}_{name}", "--format", "{{.Internal}}"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "true"


def test_every_container_is_confined(stack: Stack) -> None:
    for found in stack.containers():
        name, host = found["Config"]["Labels"]["com.docker.compose.service"], found["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        if name == "credentials":
            assert set(host["CapAdd"]) == {"CHOWN", "DAC_READ_SEARCH"}
            assert (found["Config"]["User"], host["NetworkMode"]) == ("0:0", "none")
            assert found["State"]["Status"] == "exited"
        else:
            assert not host["CapAdd"], name
            user = found["Config"]["User"]
            assert user == ("999:999" if name == "mongo" else "10001:10001"), name


def secrets_of(stack: Stack) -> set[str]:
    """Return everything that is secret in the volume, as root of this machine reads it."""
    volume, tools = f"{stack.project}_credentials", f"{stack.project}-tools"
    script = "cat /c/passwords.json; echo; cat /c/mongo.key; echo; cat /c/health/token"
    command = [
        DOCKER,
        "run",
        "--rm",
        "--user",
        "0:0",
        "-v",
        f"{volume}:/c:ro",
        "--entrypoint",
        "sh",
        tools,
        "-c",
        script,
    ]
    *lines, key, token = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    passwords: dict[str, dict[str, str]] = json.loads("\n".join(lines))
    return {key, token, *(password for users in passwords.values() for password in users.values())}


def test_no_password_is_in_what_docker_shows(stack: Stack) -> None:
    secrets = secrets_of(stack)
    assert len(secrets) > 10
    shown: dict[str, Any] = {"logs": stack.run("logs", "--no-color").stdout, "inspect": json.dumps(stack.containers())}
    shown["ps"] = stack.compose("top")
    shown["config"] = stack.compose("config")
    shown["health"] = "".join(str(stack.outcomes(name, 1)) for name in ("ingest", "extract", "store"))
    assert all(shown.values())
    assert {name: [secret for secret in secrets if secret in text] for name, text in shown.items()} == {
        name: [] for name in shown
    }


@pytest.mark.parametrize("service", ["ingest", "extract", "store", "desk", "nats", "mongo"])
def test_a_container_reads_its_own_credentials_and_no_others(stack: Stack, service: str) -> None:
    folders = ("setup", "operator", "publisher", "broker", "database", "health", "ingest", "extract", "store", "desk")
    script = "; ".join(f"find /credentials/{name} -type f -readable 2>/dev/null" for name in folders)
    found = stack.run("exec", "-T", service, "sh", "-c", f"{script}; cat /credentials/*.json")
    assert "ermission denied" in found.stderr or "No such file" in found.stderr, found.stderr
    readable = {line.removeprefix("/credentials/") for line in found.stdout.split()}
    addresses = {f"{service}/nats_url", "health/token"}
    assert readable == {
        "nats": {"broker/accounts.conf"},
        "mongo": {
            *("database/mongo.key", "operator/nats_url", "operator/mongo_url", "publisher/nats_url"),
            *("operator/published_nats_url", "operator/published_mongo_url", "publisher/published_nats_url"),
        },
        "store": addresses | {"store/mongo_url"},
        "desk": addresses | {"desk/mongo_url"},
    }.get(service, addresses)
