"""mongod for one machine: a replica set of one, because majority writes and change streams need a set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from services.setup import database_users, replica_set
from services.setup.credentials import Credentials
from wireroom.local import server_binaries
from wireroom.local.child_process import Program
from wireroom.local.ports import LOOPBACK

USUAL_PORT = 27017
_NOT_YET_INITIALIZED = 94
_TIMEOUT_MS = 2000
_CACHE_GB = "0.25"  # the default is half of the machine's memory
_OPLOG_MB = "256"  # the default is a twentieth of the disk
# JavaScript from queries is refused, and no compressor is offered: zlib of releases before 6.0.27, 7.0.28 and 8.0.17
# tells whoever connects what is in the server's memory (CVE-2025-14847), and on loopback compressing gains nothing.
HARDENING = ("--noscripting", "--networkMessageCompressors", "disabled")
# no user is made without a password while there are none yet; passwords are random, so few rounds of hashing will do
_GUARDED = (
    *("--setParameter", "enableLocalhostAuthBypass=false"),
    *("--setParameter", "scramSHA256IterationCount=5000"),
)

Client = AsyncMongoClient[dict[str, Any]]


@dataclass(frozen=True)
class Guard:
    """Asks everybody for a password; users have rights to one database. The key file lets us in before them."""

    credentials: Credentials
    database: str


def url(port: int, user: str = "") -> str:
    """Return the address; ``user`` is empty or ``name:password@``."""
    known_by = f"&authSource={database_users.SOURCE}" if user else ""
    return f"mongodb://{user}{LOOPBACK}:{port}/?directConnection=true{known_by}"


def program(data: Path, port: int, guard: Guard | None = None) -> Program:
    """Return what runs it; without a guard whoever reaches the port may do all."""
    folder = data / "mongo"
    folder.mkdir(parents=True, exist_ok=True)
    command = (
        *(str(server_binaries.mongod()), "--dbpath", str(folder), "--port", str(port), "--bind_ip", LOOPBACK),
        *("--replSet", replica_set.SET, "--oplogSize", _OPLOG_MB, "--wiredTigerCacheSizeGB", _CACHE_GB),
        *("--nounixsocket", "--quiet", *HARDENING),  # no file in /tmp
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),  # writes to the disk every second
        *((*_GUARDED, "--keyFile", str(guard.credentials.key_file)) if guard else ()),
    )

    async def probe() -> str | None:
        return await version(port, guard)

    return Program("mongod", command, port, probe, data / "logs/mongod.log", patience=30, folder=data)


async def version(port: int, guard: Guard | None = None) -> str | None:
    """Return the server's version once it takes writes; makes the replica set if there is none, and its users."""
    ourselves: dict[str, Any] = replica_set.as_member(guard.credentials.key) if guard else {}
    async with AsyncMongoClient[dict[str, Any]](
        url(port),
        serverSelectionTimeoutMS=_TIMEOUT_MS,
        connectTimeoutMS=_TIMEOUT_MS,
        timeoutMS=2 * _TIMEOUT_MS,
        **ourselves,
    ) as client:
        try:
            hello = await client.admin.command("hello")
            if not hello["isWritablePrimary"]:
                await _make_set(client, f"{LOOPBACK}:{port}")
                return None
            if guard:
                await database_users.ensure(client, guard.credentials.mongo, guard.database)
            return str((await client.server_info())["version"])
        except PyMongoError:
            return None


async def _make_set(client: Client, address: str) -> None:
    """Initiate the set, or give its only member today's port; otherwise the election has only to be waited for."""
    try:
        found = (await client.admin.command("replSetGetConfig"))["config"]
    except OperationFailure as error:
        if error.code == _NOT_YET_INITIALIZED:
            await client.admin.command(
                "replSetInitiate", {"_id": replica_set.SET, "members": [{"_id": 0, "host": address}]}
            )
        return
    if found["members"][0]["host"] != address:
        found["members"][0]["host"] = address
        await client.admin.command("replSetReconfig", found | {"version": found["version"] + 1}, force=True)
