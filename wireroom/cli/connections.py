"""Connections of the command line: open at once, or a message says which is unavailable, where, and what to do."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.js import JetStreamContext
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, PyMongoError

from services.store.mongo_connection import refused, usable
from shared.broker.connect import Callback, brief_connection, lasting_connection
from shared.broker.nats_address import without_password
from shared.errors import Unavailable
from shared.settings import Settings, named_in
from wireroom.cli.output import err, fail

EX_UNAVAILABLE = 69
_PATIENCE = 3.0  # seconds: whoever typed the command waits
_WHAT_NOW = "Start one with `wireroom up`, or name yours with --data FOLDER or in {setting}."
_told = set[str]()  # settings whose default was told


def tell_default(setting: str, url: str) -> None:
    """Say once which servers are used where neither a running stack nor the environment names them."""
    field = Settings.model_fields[setting.removeprefix("WIREROOM_").lower()]
    if setting in _told or setting in named_in(os.environ) or url != field.default:
        return
    _told.add(setting)
    where = f"{without_password(url)}, the default of {setting}"
    err.print(f"No stack runs in the --data folder: using {where}. A stack elsewhere: --data FOLDER.")


@asynccontextmanager
async def nats_connection(url: str) -> AsyncIterator[Client]:
    """Yield a connection to the broker, or end with exit code 69, also where it is lost in between.

    Raises WrongSetting where the broker does not let us in.
    """
    try:
        async with brief_connection(url) as connection:
            tell_default("WIREROOM_NATS_URL", url)
            yield connection
    except Unavailable as outage:
        fail(EX_UNAVAILABLE, f"{outage}. {_WHAT_NOW.format(setting='WIREROOM_NATS_URL')}")
    except (ConnectionClosedError, NoRespondersError, TimeoutError) as error:
        cause = str(error) or type(error).__name__
        said = f"NATS at {without_password(url)} became unavailable: {cause}"
        fail(EX_UNAVAILABLE, f"{said}. What it had acknowledged is safe; try again.")


@asynccontextmanager
async def jetstream(seconds: float = 10) -> AsyncIterator[JetStreamContext]:
    """Yield JetStream on the broker of the settings; a request may take ``seconds``.

    Ends with exit code 69 where the broker, a stream or a bucket is unavailable.
    """
    async with nats_connection(Settings().nats_url) as connection:
        try:
            yield connection.jetstream(timeout=seconds)
        except Unavailable as error:
            fail(EX_UNAVAILABLE, f"{error}.")


@asynccontextmanager
async def lasting_nats_connection(url: str, lost: Callback, back: Callback) -> AsyncIterator[Client]:
    """Yield a connection that outlives an outage, of which it tells; ends with exit code 69 if it cannot begin."""
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(lasting_connection(url, lost, back))
        except Unavailable as outage:
            fail(EX_UNAVAILABLE, f"{outage}. {_WHAT_NOW.format(setting='WIREROOM_NATS_URL')}")
        tell_default("WIREROOM_NATS_URL", url)
        yield connection


@contextmanager
def mongo_articles(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """Yield the database of articles, or end with exit code 69, also where it is lost in between.

    Raises WrongSetting where the address is none, or MongoDB does not let us in.
    """
    with usable():
        client = MongoClient[dict[str, Any]](
            settings.mongo_url, tz_aware=True, serverSelectionTimeoutMS=int(_PATIENCE * 1000), appname="wireroom"
        )
        database = client[settings.mongo_database]
    with client:
        try:
            client.admin.command("ping")
            tell_default("WIREROOM_MONGO_URL", settings.mongo_url)
            yield database
        except ConnectionFailure as error:
            cause = str(error).partition(", Timeout:")[0].partition(" (configured")[0]
            setting = _WHAT_NOW.format(setting="WIREROOM_MONGO_URL")
            fail(EX_UNAVAILABLE, f"MongoDB at {_servers(client)} is not reachable: {cause}. {setting}")
        except PyMongoError as error:
            if wrong := refused(_servers(client), error):
                raise wrong from None
            raise


def _servers(client: MongoClient[dict[str, Any]]) -> str:
    """Return where the client looked, which has no password in it."""
    return ", ".join(f"{host}:{port}" for host, port in sorted(client.topology_description.server_descriptions()))
