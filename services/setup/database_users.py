"""Users of MongoDB and what each may do: the store writes, setup and the command line read and keep a few notes."""

from collections.abc import Mapping
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from services.setup.stored_numbers import GAPS
from services.store.schema import ACCEPTED_LOSSES, WITHDRAWN
from shared.broker.permissions import DESK, OPERATOR, SETUP

STORE = "store"
USERS = (STORE, SETUP, OPERATOR, DESK)
SOURCE = "admin"  # the database that knows them
_DUPLICATE = frozenset({51002, 51003})  # a role or a user that is there already

Role = dict[str, Any]


def _roles(database: str) -> Mapping[str, list[Role]]:
    """Return what is granted beside the built-in roles, by user."""

    def on(collection: str, *actions: str) -> Role:
        return {"resource": {"db": database, "collection": collection}, "actions": list(actions)}

    return {
        SETUP: [on(GAPS, "find", "insert", "update")],
        OPERATOR: [
            on(WITHDRAWN, "find", "insert", "update", "remove"),  # `wireroom withdraw`, and its --lift
            on(ACCEPTED_LOSSES, "find", "insert"),  # `wireroom audit --accept`
        ],
    }


def _built_in(database: str) -> Mapping[str, list[Role]]:
    return {
        STORE: [{"role": "readWrite", "db": database}, {"role": "dbAdmin", "db": database}],
        SETUP: [{"role": "read", "db": database}],
        DESK: [{"role": "read", "db": database}],
        OPERATOR: [{"role": "read", "db": database}, {"role": "clusterMonitor", "db": SOURCE}],
    }


async def ensure(client: AsyncMongoClient[dict[str, Any]], passwords: Mapping[str, str], database: str) -> None:
    """Make the users with these passwords and the rights to a database; run again it sets them anew."""
    own = _roles(database)
    for user, privileges in own.items():
        await _set(client, "Role", f"wireroom-{user}", privileges=privileges, roles=[])
    for user, roles in _built_in(database).items():
        named = [{"role": f"wireroom-{user}", "db": SOURCE}] if user in own else []
        mechanisms = ["SCRAM-SHA-256"]
        await _set(client, "User", user, pwd=passwords[user], roles=[*roles, *named], mechanisms=mechanisms)


async def _set(client: AsyncMongoClient[dict[str, Any]], kind: str, name: str, **fields: Any) -> None:  # noqa: ANN401 - those of the command
    admin = client[SOURCE]
    try:
        await admin.command(f"create{kind}", name, **fields)
    except OperationFailure as error:
        if error.code not in _DUPLICATE:
            raise
        await admin.command(f"update{kind}", name, **fields)
