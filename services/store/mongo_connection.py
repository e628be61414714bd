"""The connection to MongoDB: what it promises, and when it counts as unavailable."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    InvalidName,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
)

from services.store import schema
from shared.errors import Unavailable, WrongSetting
from shared.mongo_errors import UNAUTHORIZED, UNKNOWN_USER, no_address, no_database, refusal
from shared.settings import Settings

_OUT_OF_DISK_SPACE = 14031
_CHECK_PATIENCE_MS = 2_000


def connect(url: str) -> AsyncMongoClient[dict[str, Any]]:
    """Return a client that connects at first use; an acknowledged write is on the disks of a majority.

    Majority reads, because "already stored" is an acknowledgement too: it must not rest on what can be rolled back.
    """
    with usable():
        return AsyncMongoClient(
            url,
            appname="wireroom-store",
            tz_aware=True,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            serverSelectionTimeoutMS=5_000,
            connectTimeoutMS=5_000,
            timeoutMS=20_000,  # a call with all its retries; below the broker's patience for one delivery
        )


@contextmanager
def usable() -> Iterator[None]:
    """Turn the errors of an address or a name that no MongoDB can have into WrongSetting; none shows the password."""
    try:
        yield
    except InvalidName as error:
        raise no_database(error) from None
    except (ConfigurationError, ValueError) as error:
        raise no_address(error) from None


def refused(where: str, error: PyMongoError) -> WrongSetting | None:
    """Return what to tell of a MongoDB that answers and does not let us in, or of a name that leads to none.

    None for any other error.
    """
    if isinstance(error, ConfigurationError):  # some names are only looked up at the first question
        return no_address(error)
    if not isinstance(error, OperationFailure):
        return None
    return refusal(where, error.code, str((error.details or {}).get("codeName") or error.code))


@asynccontextmanager
async def open_check(settings: Settings) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Yield what asks whether MongoDB takes writes now; it raises Unavailable within seconds if not.

    It has a connection of its own, because the one that writes waits longer and may be busy. It raises WrongSetting
    where MongoDB refuses the login; a write treats that as unavailable, so that no message is dead-lettered for it.
    """
    async with AsyncMongoClient[dict[str, Any]](
        settings.mongo_url, appname="wireroom-store-check", timeoutMS=_CHECK_PATIENCE_MS, maxPoolSize=1
    ) as client:

        async def check() -> None:
            try:
                hello = await client.admin.command("hello")
                await client[settings.mongo_database][schema.ARTICLES].find_one(
                    {"_id": ""}, {"_id": 1}
                )  # hello is free
            except PyMongoError as error:
                raise refused(_where(client), error) or _unavailable(client.admin, error) from error
            if not hello.get("isWritablePrimary"):
                raise _unavailable(client.admin, NotPrimaryError("it takes no writes"))

        yield check


@contextmanager
def unavailable(database: AsyncDatabase[dict[str, Any]], *, starting: bool = False) -> Iterator[None]:
    """Turn the errors of a database that is unavailable, and only those, into Unavailable.

    A refused login counts as unavailable, because no message is at fault; while ``starting`` it is a WrongSetting, and
    later the periodic check ends the process.
    """
    try:
        yield
    except PyMongoError as error:
        if starting and (wrong := refused(_where(database.client), error)):
            raise wrong from None
        if not _passes(error):
            raise
        raise _unavailable(database, error) from error


def _unavailable(database: AsyncDatabase[dict[str, Any]], error: PyMongoError) -> Unavailable:
    cause = str(error).partition(", Timeout:")[0][:200]  # the rest describes the topology once more
    return Unavailable("MongoDB", _where(database.client), f"{type(error).__name__}: {cause}")


def _where(client: AsyncMongoClient[dict[str, Any]]) -> str:
    """Return where the client looks, which has no password in it."""
    servers = client.topology_description.server_descriptions()
    return ", ".join(sorted(f"{host}:{port}" for host, port in servers))


def _passes(error: PyMongoError) -> bool:
    if isinstance(error, ConnectionFailure) or error.timeout or error.has_error_label("RetryableWriteError"):
        return True
    if not isinstance(error, OperationFailure):
        return False
    return error.code in {_OUT_OF_DISK_SPACE, UNAUTHORIZED, *UNKNOWN_USER}
