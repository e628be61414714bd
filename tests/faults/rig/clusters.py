"""Three brokers that keep each stream three times, and three databases with an elected primary."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from shared.broker.connect import brief_connection
from shared.errors import Unavailable
from shared.topology import MAX_PAYLOAD, streams
from tests.faults.rig.namespaces import inside
from wireroom.local import ports, server_binaries
from wireroom.local.child_process import Program, end, last_lines, start
from wireroom.local.mongod import HARDENING

T = TypeVar("T")

_PATIENCE = 60.0
_PAUSE = 0.1
_SIZE = 3
_BROKER = """
server_name: {name}
host: {host}
port: {port}
max_payload: {max_payload}
jetstream {{ store_dir: {folder}, sync_interval: always, max_file_store: {max_file_store} }}
cluster {{ name: wireroom, host: {host}, port: {cluster_port}, routes: {routes} }}
"""
_ELECTION_MS = 2000  # ten seconds by default


@dataclass
class Nodes:
    """Processes by name, each started by us and ended by its own handle."""

    url: str
    programs: dict[str, Program]
    processes: dict[str, Process] = field(default_factory=dict)

    async def start(self, name: str) -> None:
        self.processes[name] = await start(self.programs[name])

    async def kill(self, name: str) -> None:
        self.processes[name].kill()
        await self.processes[name].wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Nodes"]:
        try:
            for name in self.programs:
                await self.start(name)
            yield self
        finally:
            await self.end()

    async def end(self) -> None:
        """End those that run, the last that were started first."""
        for name in reversed(list(self.processes)):
            with suppress(ProcessLookupError):
                await end(self.processes[name], self.programs[name].patience)


@asynccontextmanager
async def three_brokers(folder: Path, hosts: Mapping[str, str] | None = None) -> AsyncIterator[Nodes]:
    """Run a cluster on loopback, or each broker in one of the namespaces, which are given with their addresses."""
    free = ports.free(2 * _SIZE)
    clients, routes = free[:_SIZE], free[_SIZE:]
    places = list(hosts.items()) if hosts else [("", "127.0.0.1")] * _SIZE
    reserved = 2 * sum(stream.max_bytes or 0 for stream in streams())
    programs = {}
    for number, (namespace, host) in enumerate(places):
        name = f"broker-{number}"
        data = folder / name
        data.mkdir(parents=True)
        configuration = data / "nats.conf"
        configuration.write_text(
            _BROKER.format(
                name=name,
                host=host,
                port=clients[number],
                max_payload=MAX_PAYLOAD,
                folder=json.dumps(str(data)),
                max_file_store=reserved,
                cluster_port=routes[number],
                routes=json.dumps([f"nats://{at}:{port}" for (_, at), port in zip(places, routes, strict=True)]),
            )
        )
        command: tuple[str, ...] = (str(server_binaries.nats_server()), "--config", str(configuration))
        command = inside(namespace, command) if namespace else command
        programs[name] = Program(name, command, clients[number], _none, folder / f"{name}.log", 10, data)
    urls = [f"nats://{host}:{port}" for (_, host), port in zip(places, clients, strict=True)]
    async with Nodes(",".join(urls), programs).running() as nodes:
        await _until(lambda: _answers(urls[0]), programs["broker-0"].log)
        yield nodes


async def leader(js: JetStreamContext, stream: str) -> str:
    """Return the broker that leads a stream, once all of its copies are current."""

    async def found() -> str | None:
        with suppress(NatsError, APIError, TimeoutError):
            cluster = (await js.stream_info(stream)).cluster
            if cluster and cluster.leader and all(copy.current for copy in cluster.replicas or ()):
                return cluster.leader
        return None

    return await _until(found)


@asynccontextmanager
async def three_databases(folder: Path) -> AsyncIterator[Nodes]:
    programs: dict[str, Program] = {}
    members: list[dict[str, Any]] = []
    for number, port in enumerate(ports.free(_SIZE)):
        name = f"database-{number}"
        data = folder / name
        data.mkdir(parents=True)
        command = (
            *(
                str(server_binaries.mongod()),
                "--dbpath",
                str(data),
                "--port",
                str(port),
                "--bind_ip",
                "127.0.0.1",
                *HARDENING,
            ),
            *("--replSet", "rs0", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--quiet"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        )
        programs[name] = Program(name, command, port, _none, folder / f"{name}.log", 30, data)
        members.append({"_id": number, "host": f"127.0.0.1:{port}"})
    hosts = ",".join(member["host"] for member in members)
    config = {"_id": "rs0", "members": members, "settings": {"electionTimeoutMillis": _ELECTION_MS}}
    async with Nodes(f"mongodb://{hosts}/?replicaSet=rs0", programs).running() as nodes:
        await _until(lambda: _initiated(members[0]["host"], config))
        await primary(nodes)
        yield nodes


async def primary(nodes: Nodes) -> str:
    """Return the database that takes writes, once the other two follow it."""

    async def found() -> str | None:
        with suppress(PyMongoError):
            async with AsyncMongoClient[dict[str, Any]](nodes.url, serverSelectionTimeoutMS=2000) as client:
                members = (await client.admin.command("replSetGetStatus"))["members"]
            states = {f"database-{member['_id']}": member["stateStr"] for member in members}
            if sorted(states.values()) == ["PRIMARY", "SECONDARY", "SECONDARY"]:
                return next(name for name, state in states.items() if state == "PRIMARY")
        return None

    return await _until(found)


async def _initiated(host: str, config: dict[str, Any]) -> bool | None:
    try:
        async with AsyncMongoClient[dict[str, Any]](
            f"mongodb://{host}/?directConnection=true", serverSelectionTimeoutMS=2000
        ) as client:
            await client.admin.command("replSetInitiate", config)
    except PyMongoError:
        return None
    return True


async def _answers(url: str) -> bool | None:
    """Whether the cluster has elected who leads it: before, it makes no stream."""
    with suppress(NatsError, OSError, TimeoutError, Unavailable):
        async with brief_connection(url) as connection:
            await connection.jetstream(timeout=2).account_info()
            return True
    return None


async def _none() -> str | None:
    return None


async def _until(ask: Callable[[], Awaitable[T | None]], log: Path | None = None) -> T:
    try:
        async with asyncio.timeout(_PATIENCE):
            while (answer := await ask()) is None:  # noqa: ASYNC110 - servers tell nothing by themselves
                await asyncio.sleep(_PAUSE)
            return answer
    except TimeoutError:
        raise TimeoutError(last_lines(log) if log else "nothing answered in time") from None
