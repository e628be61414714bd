"""What the database knows of the numbers that INBOX has given: it outlives a broker that lost or restored its data."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError, InvalidName, OperationFailure, PyMongoError

from services.store.schema import ARTICLES, WITHDRAWN
from shared.broker.accounting import Gap
from shared.broker.nats_address import without_password
from shared.broker.withdrawals import Tombstone
from shared.errors import Unavailable, WrongSetting
from shared.mongo_errors import no_address, no_database, refusal
from shared.settings import Settings

Database = AsyncDatabase[dict[str, Any]]

GAPS = "number_gaps"  # collection: what the broker notes in its bucket, kept over its loss
_PATIENCE_MS = 3000


@dataclass(frozen=True)
class Known:
    """``version`` is the highest place in INBOX that is stored, and when INBOX had received it.

    ``since`` is the lowest place of those received while RAW would still keep them: what an audit can ask for.
    """

    version: int
    received_at: datetime
    since: int


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Yield the database of articles; raises Unavailable, also where it is lost in between.

    Raises WrongSetting where the address is none, or the database does not let us in.
    """
    try:
        async with AsyncMongoClient[dict[str, Any]](
            settings.mongo_url, tz_aware=True, serverSelectionTimeoutMS=_PATIENCE_MS, appname="wireroom-setup"
        ) as client:
            yield client[settings.mongo_database]
    except InvalidName as error:
        raise no_database(error) from None
    except ConfigurationError as error:
        raise no_address(error) from None
    except PyMongoError as error:
        if isinstance(error, OperationFailure) and (wrong := _refused(settings, error)):
            raise wrong from None
        cause = str(error).partition(", Timeout:")[0].partition(" (configured")[0][:200]
        raise Unavailable("MongoDB", without_password(settings.mongo_url), cause) from error


def _refused(settings: Settings, error: OperationFailure) -> WrongSetting | None:
    cause = str((error.details or {}).get("codeName") or error.code)
    return refusal(without_password(settings.mongo_url), error.code, cause)


async def known(articles: Database, raw_age: float) -> Known | None:
    """Return what is known, or None where nothing is stored yet."""
    collection = articles[ARTICLES]
    newest = await collection.find_one({}, {"version": 1, "received_at": 1}, sort=[("version", DESCENDING)])
    if newest is None:
        return None
    since = newest["received_at"] - timedelta(seconds=raw_age)
    first = await collection.find_one({"received_at": {"$gte": since}}, {"version": 1}, sort=[("version", ASCENDING)])
    return Known(newest["version"], newest["received_at"], first["version"] if first else newest["version"])


async def tombstones(articles: Database) -> AsyncIterator[Tombstone]:
    """Yield the take-downs the database remembers."""
    async for found in articles[WITHDRAWN].find():
        fields = {name: found[name] for name in ("source", "reason")}
        yield Tombstone(id=found["_id"], at=found["withdrawn_at"], **fields)


async def noted_gaps(articles: Database) -> tuple[Gap, ...]:
    """Return the gaps of this broker and of those before it, whose own notes went with them."""
    return tuple([Gap.model_validate(found) async for found in articles[GAPS].find().sort("next", ASCENDING)])


async def note_gaps(articles: Database, gaps: tuple[Gap, ...]) -> None:
    for gap in gaps:
        await articles[GAPS].replace_one({"_id": gap.next}, gap.model_dump(), upsert=True)
