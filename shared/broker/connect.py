"""A connection for one job: open at once or reported as unavailable, unlike a service's, which waits for ever."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from nats.errors import Error as NatsError

from shared.broker.nats_address import login, without_password
from shared.broker.nats_client import Client, connect
from shared.errors import Unavailable, WrongSetting

_PATIENCE = 3.0  # seconds: whoever typed the command waits
_KEPT = 8  # causes of a failed connection: one of several tries may have ended before the broker could say why
# what a broker says of an unknown user, a wrong password, and credentials that are no longer good
_REFUSALS = ("authorization violation", "authentication expired", "authentication revoked")


Callback = Callable[[], Awaitable[None]]


@asynccontextmanager
async def brief_connection(url: str) -> AsyncIterator[Client]:
    """Yield a connection to the broker that is closed after the block; raises Unavailable within seconds.

    Raises WrongSetting where the broker answers and does not let us in.
    """
    connection = await _connect(url, allow_reconnect=False)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def lasting_connection(url: str, lost: Callback, back: Callback) -> AsyncIterator[Client]:
    """Yield a connection that comes back by itself; raises Unavailable within seconds if it cannot begin."""
    is_open = True

    async def lost_by_others() -> None:
        if is_open:  # the client says so of its own closing too
            await lost()

    connection = await _connect(url, allow_reconnect=True, disconnected_cb=lost_by_others, reconnected_cb=back)
    connection.options["max_reconnect_attempts"] = -1  # from now on; how long to wait is for the caller to say
    try:
        yield connection
    finally:
        is_open = False
        with suppress(OSError):  # while the broker is unavailable the client fails at writing what it has left
            await connection.close()


async def _connect(url: str, **options: Any) -> Client:  # noqa: ANN401 - those of the client
    causes = deque[Exception](maxlen=_KEPT)

    async def note(error: Exception) -> None:
        causes.append(error)  # the client itself only says that no server was left

    try:
        return await connect(
            [url],
            name="wireroom",
            connect_timeout=_PATIENCE,
            max_reconnect_attempts=1,  # of the first connection too, which it would try for two minutes
            reconnect_time_wait=0.2,
            error_cb=note,
            **options,
        )
    except (NatsError, OSError, TimeoutError, ValueError) as error:
        if any(map(is_refusal, causes)):  # the broker closes the connection at once, so the last may be that alone
            raise refused(url) from None
        cause = causes[-1] if causes else error
        raise Unavailable("NATS", without_password(url), str(cause) or type(cause).__name__) from None


def is_refusal(error: Exception) -> bool:
    """Tell whether the broker was reached and does not know who we say we are."""
    return any(refusal in str(error).lower() for refusal in _REFUSALS)


def refused(url: str) -> WrongSetting:
    """Return what to tell of a broker that refuses our credentials."""
    names = "the user, password or token" if login(url) else "a connection without user and password"
    what_now = "Correct them, percent-encoded" if login(url) else "Add them: nats://user:password@host:port"
    return WrongSetting(f"WIREROOM_NATS_URL: NATS at {without_password(url)} refuses {names}. {what_now}.")
