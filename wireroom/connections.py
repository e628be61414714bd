"""Connections of the command line: found at once, or a message that says which is away, where, and what to do."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoRespondersError
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, ConnectionFailure, InvalidName, OperationFailure

from shared.connecting import brief_connection, without_password
from shared.errors import Unavailable
from shared.settings import Settings
from wireroom.terminal import fail

EX_UNAVAILABLE = 69
EX_CONFIG = 78
_PATIENCE = 3.0  # seconds: whoever typed the command waits
_REFUSED = {13, 18}  # MongoDB: not authorised, not authenticated
_WHAT_NOW = "Start one with `wireroom up`, or name yours in {setting}."


@asynccontextmanager
async def nats_connection(url: str) -> AsyncIterator[Client]:
    """Yield a connection to the broker, or end with exit code 69, also where it goes away in between."""
    try:
        async with brief_connection(url) as connection:
            yield connection
    except Unavailable as outage:
        fail(EX_UNAVAILABLE, f"{outage}. {_WHAT_NOW.format(setting='WIREROOM_NATS_URL')}")
    except (ConnectionClosedError, NoRespondersError, TimeoutError) as error:
        cause = str(error) or type(error).__name__
        said = f"NATS at {without_password(url)} went away: {cause}"
        fail(EX_UNAVAILABLE, f"{said}. What it had acknowledged is safe; try again.")


@contextmanager
def mongo_articles(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """Yield the database of articles, or end with exit code 69, also where it goes away in between."""
    try:
        client = MongoClient[dict[str, Any]](
            settings.mongo_url, tz_aware=True, serverSelectionTimeoutMS=int(_PATIENCE * 1000), appname="wireroom"
        )
        database = client[settings.mongo_database]
    except InvalidName as error:
        fail(EX_CONFIG, f"WIREROOM_MONGO_DATABASE is no name of a database: {error}.")
    except (ConfigurationError, ValueError) as error:
        fail(EX_CONFIG, f"WIREROOM_MONGO_URL is no MongoDB address: {str(error).rstrip('.')}.")
    with client:
        try:
            yield database
        except ConfigurationError as error:  # of a name that is only looked up at the first question
            fail(EX_CONFIG, f"WIREROOM_MONGO_URL names no MongoDB: {str(error).rstrip('.')}.")
        except ConnectionFailure as error:
            cause = str(error).partition(", Timeout:")[0].partition(" (configured")[0]
            setting = _WHAT_NOW.format(setting="WIREROOM_MONGO_URL")
            fail(EX_UNAVAILABLE, f"MongoDB at {_servers(client)} is not reachable: {cause}. {setting}")
        except OperationFailure as error:
            if error.code not in _REFUSED:
                raise
            cause = str((error.details or {}).get("codeName", error.code))
            what_now = "Name a user who may read it, with the password, in WIREROOM_MONGO_URL."
            fail(EX_UNAVAILABLE, f"MongoDB at {_servers(client)} refuses to answer: {cause}. {what_now}")


def _servers(client: MongoClient[dict[str, Any]]) -> str:
    """Return where the client looked, which has no password in it."""
    return ", ".join(f"{host}:{port}" for host, port in sorted(client.topology_description.server_descriptions()))
