"""The connection to MongoDB: what it promises, and when it counts as away."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, NotPrimaryError, OperationFailure, PyMongoError

from shared.errors import Unavailable
from shared.settings import Settings

_OUT_OF_DISK_SPACE = 14031
_CHECK_PATIENCE_MS = 2_000


def connect(url: str) -> AsyncMongoClient[dict[str, Any]]:
    """Return a client that connects at first use; an acknowledged write is on the disks of a majority.

    Majority reads, because "already stored" is an acknowledgement too: it must not rest on what can be rolled back.
    """
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


@asynccontextmanager
async def open_check(settings: Settings) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Yield what asks whether MongoDB takes writes now; it raises Unavailable within seconds if not.

    It has a connection of its own: the one that writes waits longer, and may have its hands full.
    """
    async with AsyncMongoClient[dict[str, Any]](
        settings.mongo_url, appname="wireroom-store-check", timeoutMS=_CHECK_PATIENCE_MS, maxPoolSize=1
    ) as client:

        async def check() -> None:
            try:
                hello = await client.admin.command("hello")
            except PyMongoError as error:
                raise _away(client.admin, error) from error
            if not hello.get("isWritablePrimary"):
                raise _away(client.admin, NotPrimaryError("it takes no writes"))

        yield check


@contextmanager
def unavailable(database: AsyncDatabase[dict[str, Any]]) -> Iterator[None]:
    """Turn the errors of a database that is away, and only those, into Unavailable."""
    try:
        yield
    except PyMongoError as error:
        if not _passes(error):
            raise
        raise _away(database, error) from error


def _away(database: AsyncDatabase[dict[str, Any]], error: PyMongoError) -> Unavailable:
    servers = database.client.topology_description.server_descriptions()
    where = ", ".join(sorted(f"{host}:{port}" for host, port in servers))
    cause = str(error).partition(", Timeout:")[0][:200]  # the rest describes the topology once more
    return Unavailable("MongoDB", where, f"{type(error).__name__}: {cause}")


def _passes(error: PyMongoError) -> bool:
    if isinstance(error, ConnectionFailure) or error.timeout or error.has_error_label("RetryableWriteError"):
        return True
    return isinstance(error, OperationFailure) and error.code == _OUT_OF_DISK_SPACE
