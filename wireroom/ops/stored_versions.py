"""The numbers that INBOX gave, as the database knows them: what is left where the broker lost its data."""

from collections.abc import Iterable
from typing import Any

from pymongo import DESCENDING
from pymongo.database import Database

from shared.broker.accounting import Gap

Articles = Database[dict[str, Any]]


def number_behind(database: Articles, last: int) -> int | None:
    """Return the highest stored version if INBOX, which gives them, has not come so far."""
    newest = database["articles"].find_one({}, {"version": 1}, sort=[("version", DESCENDING)])
    return newest["version"] if newest and newest["version"] > last else None


def stored_places(database: Articles, gaps: Iterable[Gap]) -> frozenset[int]:
    """Return the places of gaps that the database has: of an article, of its content, or of an older version."""
    found = set[int]()
    for gap in gaps:
        within = {"$gte": gap.first, "$lt": gap.next}
        either = {"$or": [{"version": within}, {"content_version": within}]}
        for collection in ("articles", "article_versions"):
            for document in database[collection].find(either, {"version": 1, "content_version": 1}):
                found |= {document["version"], document["content_version"]}
    return frozenset(found)
