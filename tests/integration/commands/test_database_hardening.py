"""The running MongoDB runs no JavaScript and compresses nothing, and neither does what we connect with."""

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from services.store.mongo_connection import connect

_COMPRESSORS = ["snappy", "zstd", "zlib"]
_BODY = "function() { return true; }"


def test_the_server_was_started_without_compressors_and_without_javascript(database: Database[dict[str, Any]]) -> None:
    parsed = database.client.admin.command("getCmdLineOpts")["parsed"]
    assert parsed["net"]["compression"]["compressors"] == "disabled"
    assert parsed["security"]["javascriptEnabled"] is False


def test_a_client_that_asks_for_compression_is_offered_none(mongo_url: str) -> None:
    with MongoClient[dict[str, Any]](mongo_url) as client:
        assert not client.admin.command("hello", compression=_COMPRESSORS).get("compression")


async def test_the_store_asks_for_no_compression(mongo_url: str) -> None:
    async with connect(mongo_url) as client:
        asked: Any = client.options.pool_options._compression_settings  # noqa: SLF001 - the driver does not tell
        assert asked.compressors == []


@pytest.mark.parametrize(
    "query",
    [
        {"$where": _BODY},
        {"$expr": {"$function": {"body": _BODY, "args": [], "lang": "js"}}},
    ],
    ids=["$where", "$function"],
)
def test_javascript_in_a_query_is_refused(database: Database[dict[str, Any]], query: dict[str, Any]) -> None:
    database["articles"].insert_one({"_id": 1})
    with pytest.raises(OperationFailure, match=r"(?i)javascript|script"):
        list(database["articles"].find(query))
