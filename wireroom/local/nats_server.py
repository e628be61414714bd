"""nats-server for one machine: its configuration, and when it is ready."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from nats.errors import Error as NatsError

from services.setup import broker_accounts
from services.setup.credentials import write_private
from shared.broker import nats_client
from shared.broker.connect import is_refusal
from shared.limits import Limits
from shared.topology import MAX_PAYLOAD, streams
from wireroom.local import server_binaries
from wireroom.local.child_process import Program
from wireroom.local.ports import LOOPBACK

USUAL_PORT = 4222
_TIMEOUT = 2
_ACCOUNTS = "nats-accounts.conf"  # in the folder of the configuration that includes it
_RELOADS, _LOOKS, _PAUSE = 10, 3, 0.1  # times the server is told, looks after each, and seconds between two
_CONFIGURATION = """# Written at every start.
server_name: wireroom
host: {host}
port: {port}
max_payload: {max_payload}

jetstream {{
  store_dir: {folder}
  sync_interval: always # an acknowledged message survives a power cut; costs an fsync for each
  max_file_store: {max_file_store}
}}
"""


def url(port: int, user: str = "") -> str:
    """Return the address; ``user`` is empty or ``name:password@``."""
    return f"nats://{user}{LOOPBACK}:{port}"


def program(
    data: Path, port: int, monitor_port: int | None = None, *, accounts: str = "", probed_as: str | None = None
) -> Program:
    """Write the configuration and return what runs it; on the monitor port it tells its health over HTTP.

    ``accounts`` is the part of ``services/setup/broker_accounts.py``; without it whoever reaches the port may do all.
    ``probed_as`` is the address with a user, who asks whether JetStream answers; without it a refusal counts too.
    """
    folder = data / "nats"
    folder.mkdir(parents=True, exist_ok=True)
    configuration = data / "nats.conf"
    # What streams may hold is reserved, and once more while one is applied again: the second start would be refused.
    reserved = 2 * sum(stream.max_bytes or 0 for stream in streams(Limits()))
    values = {"host": LOOPBACK, "port": port, "max_payload": MAX_PAYLOAD, "max_file_store": reserved}
    monitor = f"http: {LOOPBACK}:{monitor_port}\n" if monitor_port else ""
    include = f"include '{_ACCOUNTS}'\n" if accounts else ""
    write_private(configuration, _CONFIGURATION.format(**values, folder=json.dumps(str(folder))) + monitor + include)
    if accounts:
        write_private(data / _ACCOUNTS, accounts)
        broker_accounts.adopt(folder)

    async def probe() -> str | None:
        return await version(probed_as or url(port), guarded=bool(accounts))

    command = (str(server_binaries.nats_server()), "--config", str(configuration))
    return Program("nats-server", command, port, probe, data / "logs/nats-server.log", patience=10, folder=data)


async def change_accounts(data: Path, process: int, accounts: str, in_force: Callable[[], Awaitable[bool]]) -> bool:
    """Replace the accounts of a running server, which goes on; returns whether they came into force within seconds.

    It is told until they have: nats-server 2.15 delivers what a new account imports only once it has read the
    configuration a second time. Whoever is connected stays, but for users that are gone or have another password.
    """
    write_private(data / _ACCOUNTS, accounts)
    for _ in range(_RELOADS):
        with suppress(ProcessLookupError):  # it ended, and is started again with what was written
            os.kill(process, signal.SIGHUP)
        for _ in range(_LOOKS):
            await asyncio.sleep(_PAUSE)  # it reads the file when it comes to it, and tells nobody
            if await in_force():
                return True
    return False


async def version(address: str, *, guarded: bool = False) -> str | None:
    """Return the server's version once its JetStream answers; ``guarded``: or once it refuses us."""
    refused = asyncio.Event()

    async def note(error: Exception) -> None:
        """Keep the client from logging what the probe's own answer says."""
        if is_refusal(error):
            refused.set()

    try:
        connection = await nats_client.connect(
            [address],
            connect_timeout=_TIMEOUT,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # counts here all the same, and by default it is two minutes
            reconnect_time_wait=0.02,
            error_cb=note,
        )
    except (NatsError, OSError):
        return "" if guarded and refused.is_set() else None
    try:
        await connection.jetstream(timeout=_TIMEOUT).account_info()
    except NatsError:
        return None
    else:
        found = connection.connected_server_version
        return f"{found.major}.{found.minor}.{found.patch}"
    finally:
        await connection.close()
