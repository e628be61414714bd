"""``wireroom withdraw``: takes an article down everywhere, for good."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from nats.js import JetStreamContext

from services.ingest.identity import article_id
from shared.errors import Rejected, Unavailable
from shared.messages import ArticleSubmitted
from shared.settings import Settings
from shared.withdrawals import lift
from wireroom import articles, takedown
from wireroom.connections import mongo_articles, nats_connection
from wireroom.terminal import counted, fail, json_line, out

EX_NOT_FOUND = 1
EX_UNAVAILABLE = 69
EX_TEMPORARY = 75
_PATIENCE = 30.0  # seconds for the store to delete; it has the event either way
_WHOLE_ID = re.compile(r"[0-9a-f]{32}$")


def withdraw(
    name: Annotated[str, typer.Argument(help="Id, link, guid or published file.")],
    reason: Annotated[str, typer.Option(help="Why; every consumer is told.")] = "",
    lifted: Annotated[bool, typer.Option("--lift", help="Let the article in again when it is published anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Take an article down: every consumer is told, its text leaves MongoDB and the streams, and it stays gone.

    Whatever brings it back, publishing or a replay, is withdrawn as well, until it is lifted. Repeating it is safe.

    Examples: `wireroom withdraw https://example.org/a --reason "court order"`, `wireroom withdraw 7f3c... --lift`
    """
    if not (lifted or dry_run or reason.strip()):
        raise typer.BadParameter("a withdrawal needs --reason: every consumer is told why")
    settings = Settings()
    stored, wanted = _resolved(settings, name)
    try:
        if lifted:
            asyncio.run(_lift(settings, wanted))
            _tell(f"lifted {wanted}: it comes in again when it is published anew", {"lifted": wanted}, as_json=as_json)
            return
        found = asyncio.run(_withdraw(settings, wanted, stored, None if dry_run else reason.strip()))
    except Unavailable as outage:
        fail(EX_UNAVAILABLE, f"{outage}. Repeat it: what was done already stays done.")
    numbers = {"id": wanted, "versions": len(found.versions), "messages": len(found.places)}
    versions, messages = counted(len(found.versions), "version"), counted(len(found.places), "message")
    if dry_run:
        said = f"would withdraw {wanted}: {versions}, {messages} on the broker"
        _tell(said, numbers | {"dry_run": True}, as_json=as_json)
        return
    _await_store(settings, wanted)
    said = f"withdrew {wanted}: {versions}, {messages} erased, gone from MongoDB"
    _tell(said, numbers, as_json=as_json)


def _resolved(settings: Settings, name: str) -> tuple[Mapping[str, Any] | None, str]:
    """Return the stored article, if there is one, and the id, which a link or a whole id tells without it."""
    with mongo_articles(settings) as database:
        try:
            article = articles.one(database, name)
        except Rejected as error:
            fail(EX_NOT_FOUND, f"{error}.")
        except articles.NotFound as error:
            if _WHOLE_ID.match(name):
                return None, name
            if "://" in name:
                return None, article_id(ArticleSubmitted(source="x", body="x", url=name))
            fail(EX_NOT_FOUND, f"{error}. An article that is not stored yet is named by its link or its whole id.")
    return article, article["_id"]


async def _lift(settings: Settings, wanted: str) -> None:
    async with nats_connection(settings.nats_url) as connection:
        await lift(connection.jetstream(timeout=5), wanted)
    with mongo_articles(settings) as database:
        database["withdrawn"].delete_one({"_id": wanted})


async def _withdraw(
    settings: Settings, wanted: str, stored: Mapping[str, Any] | None, reason: str | None
) -> takedown.Found:
    async with nats_connection(settings.nats_url) as connection:
        js: JetStreamContext = connection.jetstream(timeout=10)
        found = await takedown.find(js, wanted, stored)
        if not found.versions:
            fail(EX_NOT_FOUND, f"neither MongoDB nor the streams have an article {wanted}; nothing was done.")
        if reason:
            await takedown.take_down(js, wanted, found, reason)
        return found


def _await_store(settings: Settings, wanted: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    with mongo_articles(settings) as database:
        while not _gone(database, wanted):
            if time.monotonic() > deadline:
                said = "the broker has the withdrawal and its text is erased there; store has not deleted it yet"
                fail(EX_TEMPORARY, f"{wanted}: {said}. It will once it runs: `wireroom status`.")
            time.sleep(0.1)


def _gone(database: Any, wanted: str) -> bool:  # noqa: ANN401 - a database of any documents
    tombstone = database["withdrawn"].find_one({"_id": wanted})
    return tombstone is not None and database["articles"].find_one({"_id": wanted}, {"_id": 1}) is None


def _tell(said: str, numbers: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        json_line({"v": 1, **numbers})
    else:
        out.print(said)
