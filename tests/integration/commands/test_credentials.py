"""A broker and a database with passwords: the right one is used as it is meant, a wrong one ends everything at once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import pytest
from nats.errors import Error as NatsError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services.setup.preparation import Wish, setup
from shared.broker.connect import brief_connection
from shared.errors import Unavailable
from shared.limits import Limits
from shared.observability.healthcheck import ask
from shared.settings import Settings
from tests.commands import Wireroom
from tests.paths import ROOT
from wireroom.local import ports, server_binaries

PASSWORD = "p@ss/w:rd%#?"  # noqa: S105 - of servers that live for a test
ROOT_PASSWORD = "root"  # noqa: S105 - the same
MAY_WRITE = [{"role": "readWrite", "db": "wireroom"}, {"role": "dbAdmin", "db": "wireroom"}]
HIDDEN = (PASSWORD, quote(PASSWORD, safe=""), "wrong-one")


@contextmanager
def server(*command: str) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def address(scheme: str, port: int, password: str | None = PASSWORD, options: str = "") -> str:
    user = "" if password is None else f"desk:{quote(password, safe='')}@"
    return f"{scheme}://{user}127.0.0.1:{port}/{options}"


@pytest.fixture(scope="module")
def nats_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A broker that knows one user, with every stream."""
    folder = tmp_path_factory.mktemp("nats")
    [port] = ports.free(1)
    (folder / "nats.conf").write_text(
        f'host: 127.0.0.1\nport: {port}\nmax_payload: 4MB\njetstream {{store_dir: "{folder}", max_file_store: 30GB}}\n'
        f'authorization {{user: desk, password: "{PASSWORD}"}}\n'
    )

    async def declare() -> None:
        while True:
            with suppress(Unavailable, NatsError):
                await setup(Settings(nats_url=address("nats", port)), Limits(), Wish(compare=False))
                return
            await asyncio.sleep(0.1)

    with server(str(server_binaries.nats_server()), "--config", str(folder / "nats.conf")):
        asyncio.run(asyncio.wait_for(declare(), 30))
        yield port


@pytest.fixture(scope="module")
def mongo_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A database that knows two users: one who may write, and one who may do nothing."""
    folder = tmp_path_factory.mktemp("mongo")
    [port] = ports.free(1)
    options = ("--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket", "--auth")
    with server(str(server_binaries.mongod()), *options):
        with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{port}", serverSelectionTimeoutMS=30_000) as client:
            client.admin.command("createUser", "root", pwd=ROOT_PASSWORD, roles=["root"])
        with MongoClient[dict[str, Any]](f"mongodb://root:{ROOT_PASSWORD}@127.0.0.1:{port}") as client:
            client.admin.command("createUser", "desk", pwd=PASSWORD, roles=MAY_WRITE)
            client.admin.command("createUser", "nobody", pwd=ROOT_PASSWORD, roles=[])
        yield port


def environment(**settings: str) -> dict[str, str]:
    return os.environ | {"WIREROOM_HEALTH_PORT": "0", "PYTHONPATH": str(ROOT)} | settings


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one to its end; a test that needs it to end by itself waits no longer than that takes."""
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment(**settings),
    )


def told(said: str, variable: str) -> list[str]:
    """Return the lines that name the variable; none of what was said shows a password or is a traceback."""
    assert "Traceback" not in said
    assert [word for word in HIDDEN if word in said] == []
    return [line for line in said.splitlines() if variable in line]


async def test_a_password_is_percent_decoded_for_the_broker(nats_port: int) -> None:
    async with brief_connection(address("nats", nats_port)) as connection:
        assert (await connection.jetstream().stream_info("INBOX")).config.name == "INBOX"


@pytest.mark.parametrize(
    ("name", "password"), [("ingest", "wrong-one"), ("ingest", None), ("extract", "wrong-one"), ("setup", "wrong-one")]
)
def test_a_service_that_the_broker_refuses_ends_with_one_line(name: str, password: str | None, nats_port: int) -> None:
    module = ("services.setup",) if name == "setup" else ("shared.runtime.run", name)
    url = address("nats", nats_port, password)
    ended = run("-m", *module, WIREROOM_NATS_URL=url, WIREROOM_EXTRACT_MODELS="{}")
    assert ended.returncode == 78, ended.stderr
    assert len(told(ended.stdout + ended.stderr, "WIREROOM_NATS_URL")) == 1, ended.stderr


@pytest.mark.parametrize("arguments", [("status",), ("dead", "ls"), ("setup",), ("publish", "-")], ids=lambda a: a[0])
def test_a_command_that_the_broker_refuses_ends_with_one_line(arguments: tuple[str, ...], nats_port: int) -> None:
    url = address("nats", nats_port, "wrong-one")
    ended = Wireroom({"WIREROOM_NATS_URL": url}).run("--data", "/nonexistent", *arguments)
    assert ended.code == 78, ended.err
    [line] = told(ended.said, "WIREROOM_NATS_URL")
    assert f"127.0.0.1:{nats_port}" in line


REFUSED = {
    "password": ("desk", "wrong-one", 78),
    "user": ("stranger", "wrong-one", 78),
    "roles": ("nobody", ROOT_PASSWORD, 77),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_store_that_mongodb_refuses_ends_with_one_line(case: str, nats_port: int, mongo_port: int) -> None:
    user, password, code = REFUSED[case]
    urls = {
        "WIREROOM_NATS_URL": address("nats", nats_port),
        "WIREROOM_MONGO_URL": f"mongodb://{user}:{password}@127.0.0.1:{mongo_port}/",
    }
    ended = run("-m", "shared.runtime.run", "store", **urls)
    assert ended.returncode == code, ended.stderr
    assert len(told(ended.stdout + ended.stderr, "WIREROOM_MONGO_URL")) == 1, ended.stderr
    searched = Wireroom(urls).run("--data", "/nonexistent", "search")
    assert searched.code == code, searched.err
    assert len(told(searched.said, "WIREROOM_MONGO_URL")) == 1, searched.err


def test_a_store_whose_user_loses_its_password_ends_and_sets_nothing_aside(nats_port: int, mongo_port: int) -> None:
    [port] = ports.free(1)
    settings = {
        "WIREROOM_NATS_URL": address("nats", nats_port),
        "WIREROOM_MONGO_URL": address("mongodb", mongo_port),
        "WIREROOM_HEALTH_PORT": str(port),
    }
    command = [sys.executable, "-m", "shared.runtime.run", "store"]
    root = f"mongodb://root:{ROOT_PASSWORD}@127.0.0.1:{mongo_port}"
    with (
        subprocess.Popen(command, env=environment(**settings), stderr=subprocess.PIPE, text=True) as store,
        MongoClient[dict[str, Any]](root) as client,
    ):
        try:
            while ask(port)[0] != 200:
                assert store.poll() is None, store.stderr and store.stderr.read()
            client.admin.command("updateUser", "desk", roles=[])
            assert store.wait(60) == 77
            assert store.stderr
            said = [line for line in store.stderr if "WIREROOM_MONGO_URL" in line]
            assert len(said) == 1
        finally:
            store.send_signal(signal.SIGKILL)
            with suppress(PyMongoError):
                client.admin.command("updateUser", "desk", roles=MAY_WRITE)
