"""The connection to MongoDB: what it promises, and when it counts as away."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from shared.errors import Unavailable

_OUT_OF_DISK_SPACE = 14031


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


@contextmanager
def unavailable(database: AsyncDatabase[dict[str, Any]]) -> Iterator[None]:
    """Turn the errors of a database that is away, and only those, into Unavailable."""
    try:
        yield
    except PyMongoError as error:
        if not _passes(error):
            raise
        servers = database.client.topology_description.server_descriptions()
        where = ", ".join(sorted(f"{host}:{port}" for host, port in servers))
        cause = str(error).partition(", Timeout:")[0][:200]  # the rest describes the topology once more
        raise Unavailable("MongoDB", where, f"{type(error).__name__}: {cause}") from error


def _passes(error: PyMongoError) -> bool:
    if isinstance(error, ConnectionFailure) or error.timeout or error.has_error_label("RetryableWriteError"):
        return True
    return isinstance(error, OperationFailure) and error.code == _OUT_OF_DISK_SPACE
