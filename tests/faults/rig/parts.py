"""The pipeline with no supervisor: each part is started and ended by the test, and what is between them can be slow."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nats.js import JetStreamContext

from services.setup.preparation import setup
from shared.limits import Limits
from shared.settings import Settings
from tests.faults.rig.clusters import Nodes
from tests.stacks import broker_at
from wireroom.local import mongod, nats_server, ports, service_process
from wireroom.local.child_process import Program, until_ready

SERVICES = ("ingest", "extract", "store")


@dataclass
class Parts:
    nodes: Nodes
    nats_url: str
    mongo_url: str
    health_ports: dict[str, int]

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self.nodes.processes.items() if process.returncode is None}


@asynccontextmanager
async def parts(folder: Path, *, through: "SlowProxy | None" = None) -> AsyncIterator[tuple[Parts, JetStreamContext]]:
    """Start servers, streams and services; the services reach the broker through the proxy, if there is one."""
    nats_port, mongo_port, *health = ports.free(2 + len(SERVICES))
    nats_url, mongo_url = nats_server.url(nats_port), mongod.url(mongo_port)
    async with AsyncExitStack() as stack:
        if through:
            url = await stack.enter_async_context(through.running(nats_port))
        urls = {"WIREROOM_NATS_URL": url if through else nats_url, "WIREROOM_MONGO_URL": mongo_url}
        health_ports = dict(zip(SERVICES, health, strict=True))
        programs = [nats_server.program(folder, nats_port), mongod.program(folder, mongo_port)]
        programs += [
            service_process.program(name, folder, port, urls, name=name) for name, port in health_ports.items()
        ]
        nodes = Nodes(nats_url, {program.name: program for program in programs})
        stack.push_async_callback(nodes.end)
        await _start(nodes, *programs[:2])
        await setup(Settings(nats_url=nats_url, mongo_url=mongo_url), Limits())
        await _start(nodes, *programs[2:])
        js = await stack.enter_async_context(broker_at(nats_url))
        yield Parts(nodes, nats_url, mongo_url, health_ports), js


async def _start(nodes: Nodes, *programs: Program) -> None:
    for program in programs:
        await nodes.start(program.name)
    async with asyncio.timeout(60):
        await asyncio.gather(*(until_ready(program.probe) for program in programs))


@dataclass
class SlowProxy:
    """Passes a connection on, each piece late and no faster than so many bytes a second in each direction."""

    delay: float
    rate: float

    @asynccontextmanager
    async def running(self, port: int) -> AsyncIterator[str]:
        tasks: set[asyncio.Task[None]] = set()

        async def connect(reader: StreamReader, writer: StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            for source, sink in ((reader, back), (there, writer)):
                tasks.add(task := asyncio.create_task(self._pass(source, sink)))
                task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        try:
            yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass(self, source: StreamReader, sink: StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(int(self.rate / 10) or 1):
                await asyncio.sleep(self.delay / 10 + len(data) / self.rate)
                sink.write(data)
                await sink.drain()
        sink.close()
