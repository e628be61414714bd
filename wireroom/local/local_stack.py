"""The supervisor: starts broker, database and services in order, keeps them running, and stops them in order."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nats.errors import Error as NatsError

from services.desk.settings import DeskSettings
from services.ingest.settings import IngestSettings
from services.setup import credentials, database_users, outside_users
from services.setup.preparation import Wish, setup
from shared.broker.permissions import OPERATOR, SETUP
from shared.errors import Unavailable
from shared.limits import Limits
from shared.runtime.run import services
from shared.settings import Settings
from shared.topology import PIPELINE
from wireroom.local import mongod, nats_server, ports, service_process, stack_state
from wireroom.local.child_process import Program
from wireroom.local.disk_recovery import restart_when_there_is_room
from wireroom.local.supervisor import NotStarted, Say, Supervisor

HTTP_PORT, DESK_PORT = 8600, 8601  # of the HTTP input and of the desk, where they are free


class Stack:
    """Made by ``running``. What it is doing stands in its folder, for other commands to read."""

    def __init__(self, data: Path, say: Say, *, extract: int, usual_ports: bool, restored: bool) -> None:
        self._data, self._say = data.absolute(), say
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._ready, self._wish = False, Wish(restored=restored)
        self._disk_recovery: asyncio.Task[None] | None = None
        names = replicas(extract)
        nats_port, mongo_port, self._monitor_port, http_port, desk_port, *health_ports = ports.free(5 + len(names))
        if usual_ports:
            nats_port, mongo_port = (
                ports.first_free(nats_server.USUAL_PORT, nats_port),
                ports.first_free(mongod.USUAL_PORT, mongo_port),
            )
            http_port = IngestSettings().http_port or ports.first_free(HTTP_PORT, http_port)
            desk_port = ports.first_free(DeskSettings().http_port or DESK_PORT, desk_port)
        self._bare = nats_server.url(nats_port), mongod.url(mongo_port)
        folder = self._data / stack_state.CREDENTIALS
        added = outside_users.added_services(names.values())
        self._credentials = credentials.kept(folder, outside_users.own_users(added), database_users.USERS)
        credentials.write_addresses(self._credentials, nats_server.url(nats_port, "{}"), mongod.url(mongo_port, "{}"))
        self.nats_url, self.mongo_url = self._addresses(OPERATOR)
        nats_url, mongo_url = self._addresses(SETUP)
        self.of_setup = Settings(nats_url=nats_url, mongo_url=mongo_url)  # who may change streams
        self.of_restore = Settings(nats_url=nats_url, mongo_url=self._addresses("store")[1])  # who may replace all
        self.health_ports = dict(zip(names, health_ports, strict=True))
        self.articles_url = f"http://{ports.LOOPBACK}:{http_port}/v1/articles"
        self.desk_url = f"http://{ports.LOOPBACK}:{desk_port}/"
        own = defaultdict[str, dict[str, str]](
            dict,
            ingest={"WIREROOM_INGEST_HTTP_PORT": str(http_port)},
            desk={
                "WIREROOM_DESK_HTTP_PORT": str(desk_port),
                "WIREROOM_DESK_FOLDER": str(self._data / "desk"),
                "WIREROOM_DESK_PROBES": ",".join(
                    f"{kind}={ports.LOOPBACK}:{self.health_ports[name]}" for name, kind in names.items()
                ),
            },
        )
        accounts = outside_users.configuration(self._credentials.nats, outside_users.load(folder), added)
        guard = mongod.Guard(self._credentials, Settings().mongo_database)
        self._broker = self._supervise(
            nats_server.program(self._data, nats_port, self._monitor_port, accounts=accounts, probed_as=self.nats_url)
        )
        self._database = self._supervise(mongod.program(self._data, mongo_port, guard))
        self._services = [
            self._supervise(
                service_process.program(
                    kind, self._data, self.health_ports[name], self._files(kind) | own[kind], name=name
                )
            )
            for name, kind in names.items()
        ]

    @property
    def processes(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return {supervisor.program.name: supervisor.pid for supervisor in self._supervisors if supervisor.pid}

    async def start(self) -> None:
        """Return once every part can take work; raises NotStarted."""
        await self.start_servers()
        try:
            done = await setup(self.of_setup, Limits(), self._wish)
        except (NatsError, Unavailable) as error:
            raise NotStarted(f"the streams could not be made on {self._bare[0]}: {error}") from error
        for line in done:
            if not line.endswith(": create"):
                self._say(line)
        await _all(*(supervisor.start() for supervisor in self._services))
        self._ready = True
        self._write_state()
        self._disk_recovery = asyncio.create_task(
            restart_when_there_is_room(self._monitor_port, self._data / "nats", self._broker.restart, self._say)
        )

    async def start_servers(self) -> None:
        """Return once broker and database can take work; raises NotStarted."""
        self._write_state()
        await _all(self._broker.start(), self._database.start())

    async def stop(self) -> None:
        """Stop in order: whoever depends on others first, so that nothing is left half done."""
        if self._disk_recovery:
            self._disk_recovery.cancel()
        self._say("stopping the services, then mongod, then nats-server")
        await asyncio.gather(*(supervisor.stop() for supervisor in self._services))
        await self._database.stop()
        await self._broker.stop()

    async def until_broken(self) -> None:
        """Run until supervision fails; raise its error."""
        await _all(*(supervisor.ended() for supervisor in self._supervisors))

    @property
    def _supervisors(self) -> Sequence[Supervisor]:
        return (self._broker, self._database, *self._services)

    def _addresses(self, user: str) -> tuple[str, str]:
        found = stack_state.addresses(self._data, user)
        return found["WIREROOM_NATS_URL"], found["WIREROOM_MONGO_URL"]

    def _files(self, user: str) -> dict[str, str]:
        return {f"{name}_FILE": str(path) for name, path in stack_state.address_files(self._data, user).items()}

    def _supervise(self, program: Program) -> Supervisor:
        return Supervisor(program, self._say, self._write_state)

    def _write_state(self) -> None:
        now = stack_state.State(
            pid=os.getpid(),
            started=self._started,
            nats_url=self._bare[0],
            mongo_url=self._bare[1],
            guarded=True,
            articles_url=self.articles_url,
            desk_url=self.desk_url,
            ready=self._ready,
            processes=self.processes,
            health_ports=self.health_ports,
        )
        try:
            stack_state.write(self._data, now)
        except OSError as error:  # a full disk stops mongod; starting it again must not fail because of this file
            self._say(f"the state could not be written to {self._data}: {error.strerror}")


@asynccontextmanager
async def running(
    data: Path, say: Say, *, extract: int = 1, usual_ports: bool = True, restored: bool = False
) -> AsyncIterator[Stack]:
    """Run everything until the block ends; raises AlreadyRunning, Missing or NotStarted, with nothing left behind."""
    with stack_state.held(data):
        stack = Stack(data, say, extract=extract, usual_ports=usual_ports, restored=restored)
        try:
            await stack.start()
            yield stack
        finally:
            await stack.stop()


@asynccontextmanager
async def servers(data: Path, say: Say) -> AsyncIterator[Settings]:
    """Run broker and database of a folder, and no service; yields where they are for whoever may replace all they hold.

    Raises AlreadyRunning, Missing or NotStarted, with nothing left behind.
    """
    with stack_state.held(data):
        stack = Stack(data, say, extract=1, usual_ports=False, restored=False)
        try:
            await stack.start_servers()
            yield stack.of_restore
        finally:
            await stack.stop()


def replicas(extract: int) -> dict[str, str]:
    """Return the services by the name of their process; extract is the one that uses a core, so it has replicas."""
    workers = {"extract": "extract"} if extract == 1 else {f"extract-{n}": "extract" for n in range(1, extract + 1)}
    others = {name: name for name in services() if name not in PIPELINE}
    return {"ingest": "ingest"} | workers | {"store": "store"} | others


async def _all(*steps: Coroutine[Any, Any, None]) -> None:
    """Run steps side by side; the first that fails ends the others, and its error comes out as it is."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
