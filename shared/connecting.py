"""A connection for one short job: found at once or told to be away, unlike a service's, which waits for ever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.errors import Error as NatsError

from shared.errors import Unavailable, WrongSetting
from shared.nats_address import login, servers, without_password
from shared.nats_client import Client, connect

_PATIENCE = 3.0  # seconds: whoever typed the command waits
# what a broker says of an unknown user, a wrong password, and credentials that are no longer good
_REFUSALS = ("authorization violation", "authentication expired", "authentication revoked")


@asynccontextmanager
async def brief_connection(url: str) -> AsyncIterator[Client]:
    """Yield a connection to the broker that is closed after the block; raises Unavailable within seconds.

    Raises WrongSetting where the broker answers and does not let us in.
    """
    causes: list[Exception] = []

    async def note(error: Exception) -> None:
        causes.append(error)  # the client itself only says that no server was left

    try:
        connection = await connect(
            servers(url),
            **login(url),
            name="wireroom",
            connect_timeout=_PATIENCE,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of the first connection too, which it would try for two minutes
            reconnect_time_wait=0.2,
            error_cb=note,
        )
    except (NatsError, OSError, TimeoutError, ValueError) as error:
        cause = causes[-1] if causes else error
        if is_refusal(cause):
            raise refused(url) from None
        raise Unavailable("NATS", without_password(url), str(cause) or type(cause).__name__) from None
    try:
        yield connection
    finally:
        await connection.close()


def is_refusal(error: Exception) -> bool:
    """Tell whether the broker was reached and does not know who we say we are."""
    return any(refusal in str(error).lower() for refusal in _REFUSALS)


def refused(url: str) -> WrongSetting:
    """Return what to tell of a broker that refuses our credentials."""
    names = "the user, password or token" if login(url) else "a connection without user and password"
    what_now = "Correct them, percent-encoded" if login(url) else "Add them: nats://user:password@host:port"
    return WrongSetting(f"WIREROOM_NATS_URL: NATS at {without_password(url)} refuses {names}. {what_now}.")
