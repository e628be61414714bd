"""The database's replica set and users, made with the key of its members: by setup in containers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from services.setup import database_users
from services.setup.credentials import KEY
from shared.errors import Unavailable, WrongSetting

SET = "rs0"
PASSWORDS = "mongo_passwords.json"  # in the folder of setup
_NOT_YET_INITIALIZED = 94
_PATIENCE_MS = 3000

Client = AsyncMongoClient[dict[str, Any]]


@dataclass(frozen=True)
class Guard:
    """What members of the set know each other by, and the passwords by user."""

    key: str
    passwords: Mapping[str, str]


def load(folder: Path) -> Guard:
    """Return what ``container_credentials`` wrote for setup; raises WrongSetting where that cannot be read."""
    try:
        return Guard((folder / KEY).read_text("ascii"), json.loads((folder / PASSWORDS).read_bytes()))
    except OSError as error:
        raise WrongSetting(f"{error.filename} cannot be read: {error.strerror}.") from None


def as_member(key: str) -> dict[str, Any]:
    """Return the options of a client that is let in before there are users, and may do all."""
    return {"username": "__system", "password": key, "authSource": "local"}


async def prepare(members: Sequence[str], guard: Guard, database: str) -> None:
    """Make the set of these ``host:port`` if there is none, and the users with their rights to one database.

    Raises Unavailable until a majority of the members answers, and one of them takes writes.
    """
    patience: dict[str, Any] = {
        "serverSelectionTimeoutMS": _PATIENCE_MS,
        "timeoutMS": 5 * _PATIENCE_MS,
        "appname": "wireroom-setup",
    }
    try:
        async with Client(members[0], directConnection=True, **patience, **as_member(guard.key)) as first:
            await _initiate(first, members)
        async with Client(list(members), replicaSet=SET, **patience, **as_member(guard.key)) as all_of_them:
            await database_users.ensure(all_of_them, guard.passwords, database)
    except PyMongoError as error:
        cause = str(error).partition(", Timeout:")[0].partition(" (configured")[0][:200]
        raise Unavailable("MongoDB", ", ".join(members), cause) from error


async def _initiate(client: Client, members: Sequence[str]) -> None:
    if (await client.admin.command("hello")).get("setName"):
        return
    try:
        await client.admin.command("replSetGetConfig")
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        hosts = [{"_id": number, "host": member} for number, member in enumerate(members)]
        await client.admin.command("replSetInitiate", {"_id": SET, "members": hosts})
