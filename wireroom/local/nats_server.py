"""nats-server for one machine: its configuration, and when it is ready."""

import json
from pathlib import Path

import nats
from nats.errors import Error as NatsError

from shared.limits import Limits
from shared.topology import MAX_PAYLOAD, streams
from wireroom.local import server_binaries
from wireroom.local.child_process import Program
from wireroom.local.ports import LOOPBACK

USUAL_PORT = 4222
_TIMEOUT = 2
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


def url(port: int) -> str:
    return f"nats://{LOOPBACK}:{port}"


def program(data: Path, port: int, monitor_port: int | None = None) -> Program:
    """Write the configuration and return what runs it; on the monitor port it tells its health over HTTP."""
    folder = data / "nats"
    folder.mkdir(parents=True, exist_ok=True)
    configuration = data / "nats.conf"
    # What streams may hold is reserved, and once more while one is applied again: the second start would be refused.
    reserved = 2 * sum(stream.max_bytes or 0 for stream in streams(Limits()))
    values = {"host": LOOPBACK, "port": port, "max_payload": MAX_PAYLOAD, "max_file_store": reserved}
    monitor = f"http: {LOOPBACK}:{monitor_port}\n" if monitor_port else ""
    configuration.write_text(_CONFIGURATION.format(**values, folder=json.dumps(str(folder))) + monitor)

    async def probe() -> str | None:
        return await version(port)

    command = (str(server_binaries.nats_server()), "--config", str(configuration))
    return Program("nats-server", command, port, probe, data / "logs/nats-server.log", patience=10, folder=data)


async def version(port: int) -> str | None:
    """Return the server's version once its JetStream answers."""
    try:
        connection = await nats.connect(
            url(port),
            connect_timeout=_TIMEOUT,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # counts here all the same, and by default it is two minutes
            reconnect_time_wait=0.02,
            error_cb=_not_yet,
        )
    except (NatsError, OSError):
        return None
    try:
        await connection.jetstream(timeout=_TIMEOUT).account_info()
    except NatsError:
        return None
    else:
        found = connection.connected_server_version
        return f"{found.major}.{found.minor}.{found.patch}"
    finally:
        await connection.close()


async def _not_yet(_error: Exception) -> None:
    """Keep the client from logging what the probe's own answer says."""
