"""Whether MongoDB is there, of a release that is known to work, and can be written."""

from datetime import UTC, datetime
from time import monotonic
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services.store.mongo_connection import refused, usable
from services.store.schema import ARTICLES
from shared.errors import WrongSetting
from shared.settings import Settings
from wireroom.doctor.findings import Finding, clock, ok, problem, warning

_OLDEST = 6
_PATIENCE_MS = 3000
_START = "Start it with `wireroom up`, or name yours in WIREROOM_MONGO_URL."


def look(settings: Settings) -> list[Finding]:
    """Ask the database; without it there is one finding."""
    try:
        with usable():
            client = MongoClient[dict[str, Any]](
                settings.mongo_url, serverSelectionTimeoutMS=_PATIENCE_MS, tz_aware=True, appname="wireroom"
            )
        with client:
            return _ask(client, settings.mongo_database)
    except WrongSetting as wrong:
        return [problem("MongoDB", str(wrong), "See there.")]


def _ask(client: MongoClient[dict[str, Any]], database: str) -> list[Finding]:
    try:
        asked, began = datetime.now(UTC), monotonic()
        hello = client.admin.command("hello")
        middle = asked.timestamp() + (monotonic() - began) / 2
        articles = client[database][ARTICLES].estimated_document_count()
        version = str(client.server_info()["version"])
    except PyMongoError as error:
        where = ", ".join(f"{host}:{port}" for host, port in sorted(client.topology_description.server_descriptions()))
        if wrong := refused(where, error):
            raise wrong from None
        cause = str(error).partition(", Timeout:")[0].partition(" (configured")[0]
        return [problem("MongoDB", f"{where} is not reachable: {cause}", _START)]
    return [
        ok("MongoDB", f"reached, {articles:,} articles"),
        _version(version),
        _writable(hello),
        clock("clock of MongoDB", hello["localTime"].timestamp() - middle, "MongoDB"),
    ]


def _version(version: str) -> Finding:
    if int(version.partition(".")[0]) < _OLDEST:
        return warning("version of MongoDB", version, f"Take {_OLDEST}.0 or newer: older ones are not tested.")
    return ok("version of MongoDB", version)


def _writable(hello: dict[str, Any]) -> Finding:
    if not hello.get("isWritablePrimary"):
        todo = "Name the whole replica set in WIREROOM_MONGO_URL, or wait for its election."
        return problem("writes to MongoDB", "this node takes none", todo)
    if "setName" not in hello:
        todo = "Run it with --replSet: without, nothing of a change survives the loss of this machine."
        return warning("writes to MongoDB", "it is no replica set", todo)
    return ok("writes to MongoDB", f"the primary of {hello['setName']}")
