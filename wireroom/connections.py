"""Connections of the command line: found at once, or a message that says which is away, where, and what to do."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoRespondersError
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, InvalidURI
from pymongo.uri_parser import parse_uri

from shared.connecting import brief_connection
from shared.errors import Unavailable
from shared.settings import Settings
from wireroom.terminal import fail

EX_UNAVAILABLE = 69
EX_CONFIG = 78
_PATIENCE = 3.0  # seconds: whoever typed the command waits
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
        fail(EX_UNAVAILABLE, f"NATS at {url} went away: {cause}. What it had acknowledged is safe; try again.")


@contextmanager
def mongo_articles(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """Yield the database of articles, or end with exit code 69, also where it goes away in between."""
    try:
        client = MongoClient[dict[str, Any]](
            settings.mongo_url, tz_aware=True, serverSelectionTimeoutMS=int(_PATIENCE * 1000), appname="wireroom"
        )
    except InvalidURI as error:
        fail(EX_CONFIG, f"WIREROOM_MONGO_URL is no MongoDB address: {error}")
    with client:
        try:
            yield client[settings.mongo_database]
        except ConnectionFailure as error:
            where = ", ".join(f"{host}:{port}" for host, port in parse_uri(settings.mongo_url)["nodelist"])
            cause = str(error).partition(", Timeout:")[0].partition(" (configured")[0]
            setting = _WHAT_NOW.format(setting="WIREROOM_MONGO_URL")
            fail(EX_UNAVAILABLE, f"MongoDB at {where} is not reachable: {cause}. {setting}")
