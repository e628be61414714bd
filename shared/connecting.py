"""A connection for one short job: found at once or told to be away, unlike a service's, which waits for ever."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.errors import Error as NatsError

from shared.errors import Unavailable
from shared.nats_client import Client, connect

_PATIENCE = 3.0  # seconds: whoever typed the command waits


@asynccontextmanager
async def brief_connection(url: str) -> AsyncIterator[Client]:
    """Yield a connection to the broker that is closed after the block; raises Unavailable within seconds."""
    causes: list[Exception] = []

    async def note(error: Exception) -> None:
        causes.append(error)  # the client itself only says that no server was left

    try:
        connection = await connect(
            servers(url),
            name="wireroom",
            connect_timeout=_PATIENCE,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of the first connection too, which it would try for two minutes
            reconnect_time_wait=0.2,
            error_cb=note,
        )
    except (NatsError, OSError, TimeoutError, ValueError) as error:
        cause = causes[-1] if causes else error
        raise Unavailable("NATS", without_password(url), str(cause) or type(cause).__name__) from None
    try:
        yield connection
    finally:
        await connection.close()


def servers(url: str) -> list[str]:
    """Return the addresses of a setting that may name several servers of one cluster."""
    return [address.strip() for address in url.split(",") if address.strip()]


def without_password(url: str) -> str:
    """Return the address as it may be shown and logged."""
    return re.sub(r"//[^/,]*@", "//", url)
