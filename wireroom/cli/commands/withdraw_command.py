"""``wireroom withdraw``: takes an article, or all of a source, down everywhere, for good."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from nats.js import JetStreamContext

from services.ingest.identity import article_id
from services.store import queries
from services.store.queries import Documents
from shared.broker.withdrawals import Tombstone, lift
from shared.errors import Rejected, Unavailable
from shared.messages import ArticleSubmitted
from shared.settings import Settings
from wireroom.cli import subject_arguments
from wireroom.cli.connections import mongo_articles, nats_connection
from wireroom.cli.output import counted, fail, tell
from wireroom.ops import article_lookup, tombstones
from wireroom.ops import withdraw as takedown
from wireroom.ops.withdraw import Found, Wanted

EX_NOT_FOUND = 1
EX_UNAVAILABLE = 69
EX_TEMPORARY = 75
PATIENCE = 30.0  # seconds for the store to delete one more; it has the event either way
_WHOLE_ID = re.compile(r"[0-9a-f]{32}$")
_NAMED = 5  # tombstones listed where a name means more than one


def withdraw(
    name: Annotated[str | None, typer.Argument(help="Id, link, guid or published file.")] = None,
    source: Annotated[
        str | None, typer.Option(callback=subject_arguments.source, help="All articles of this source instead of one.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; every consumer is told.")] = "",
    lifted: Annotated[bool, typer.Option("--lift", help="Let the article in again when it is published anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a whole source is taken down.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Take an article down: every consumer is told, its text leaves MongoDB and the streams, and it stays gone.

    Whatever brings it back, publishing or a replay, is withdrawn as well, until it is lifted. Repeating it is safe.

    Examples: `wireroom withdraw https://example.org/a --reason "court order"`, `wireroom withdraw 7f3c... --lift`,
    `wireroom withdraw --source harbour-gazette --reason "contract ended" --dry-run`
    """
    if (name is None) == (source is None):
        raise typer.BadParameter("name either one article or a --source")
    if not (lifted or dry_run or reason.strip()):
        raise typer.BadParameter("a withdrawal needs --reason: every consumer is told why")
    if lifted and name is None:
        raise typer.BadParameter("articles are lifted one by one: name the article")
    settings = Settings()
    try:
        if lifted:
            _lift(settings, str(name), as_json=as_json)
        elif name is not None:
            _withdraw_one(settings, name, None if dry_run else reason.strip(), as_json=as_json)
        else:
            _withdraw_source(settings, str(source), None if dry_run else reason.strip(), ask=not yes, as_json=as_json)
    except Unavailable as outage:
        fail(EX_UNAVAILABLE, f"{outage}. Repeat it: what was done already stays done.")


def _withdraw_one(settings: Settings, name: str, reason: str | None, *, as_json: bool) -> None:
    stored, wanted = _resolved(settings, name)
    found = asyncio.run(_find(settings, Wanted({wanted}), [stored] if stored else []))
    if wanted not in found or not found[wanted].versions:
        fail(EX_NOT_FOUND, f"neither MongoDB nor the streams have an article {wanted}; nothing was done.")
    article = found[wanted]
    numbers = {"id": wanted, "versions": len(article.versions), "messages": len(article.places)}
    versions, messages = counted(len(article.versions), "version"), counted(len(article.places), "message")
    if reason is None:
        said = f"would withdraw {wanted}: {versions}, {messages} on the broker"
        tell(said, numbers | {"dry_run": True}, as_json=as_json)
        return
    take_down(settings, found, reason)
    said = f"withdrew {wanted}: {versions}, {messages} erased, gone from MongoDB"
    tell(said, numbers, as_json=as_json)


def _withdraw_source(settings: Settings, source: str, reason: str | None, *, ask: bool, as_json: bool) -> None:
    with mongo_articles(settings) as database:
        stored = queries.of_source(database, source, takedown.FIELDS)
    found = asyncio.run(_find(settings, Wanted(source=source), stored))
    number = len(found.keys() - {""})
    messages = sum(len(article.places) for article in found.values())
    numbers = {
        "source": source,
        "articles": number,
        "stored": len(stored),
        "waiting": sum(article.waiting for article in found.values()),
        "messages": messages,
    }
    said = (
        f"{counted(number, 'article')} of {source}: {numbers['stored']} stored, "
        f"{counted(messages, 'message')} on the broker, {numbers['waiting']} waiting for ingest"
    )
    if reason is None:
        tell(f"would withdraw {said}", numbers | {"dry_run": True}, as_json=as_json)
        return
    if not found:
        fail(EX_NOT_FOUND, f"neither MongoDB nor the streams have an article of {source}; nothing was done.")
    if ask:
        typer.confirm(f"Withdraw {said}, for good?", abort=True, err=True)
    take_down(settings, found, reason)
    tell(f"withdrew {said}", numbers, as_json=as_json)


def _resolved(settings: Settings, name: str) -> tuple[Mapping[str, Any] | None, str]:
    """Return the stored article, if there is one, and the id, which a link or a whole id tells without it."""
    with mongo_articles(settings) as database:
        try:
            article = article_lookup.one(database, name)
        except Rejected as error:
            fail(EX_NOT_FOUND, f"{error}.")
        except article_lookup.NotFound as error:
            if _WHOLE_ID.match(name):
                return None, name
            if "://" in name:
                return None, article_id(ArticleSubmitted(source="x", body="x", url=name))
            fail(EX_NOT_FOUND, f"{error}. An article that is not stored yet is named by its link or its whole id.")
    return article, article["_id"]


def _lift(settings: Settings, name: str, *, as_json: bool) -> None:
    stone = asyncio.run(_lifted(settings, name))
    with mongo_articles(settings) as database:
        queries.forget_withdrawals(database, [stone.id])
    tell(f"lifted {stone.id}: it comes in again when it is published anew", {"lifted": stone.id}, as_json=as_json)


async def _lifted(settings: Settings, name: str) -> Tombstone:
    """Lift the one article that goes by this name, or end the command having lifted none."""
    async with nats_connection(settings.nats_url) as connection:
        js = connection.jetstream(timeout=10)
        found = await tombstones.find(js, name)
        if not found:
            what_now = "`wireroom tail withdrawn --all` lists those that are, with their ids"
            fail(EX_NOT_FOUND, f"no withdrawn article goes by {name!r}; nothing was lifted. {what_now}.")
        if len(found) > 1:
            known = ", ".join(f"{stone.id} of {stone.source}" for stone in found[:_NAMED])
            fail(EX_NOT_FOUND, f"{name!r} can mean {known}: give one of these ids. Nothing was lifted.")
        await lift(js, found[0].id)
        return found[0]


async def _find(settings: Settings, wanted: Wanted, stored: Sequence[Mapping[str, Any]]) -> dict[str, Found]:
    async with nats_connection(settings.nats_url) as connection:
        js: JetStreamContext = connection.jetstream(timeout=10)
        return await takedown.find(js, wanted, stored)


def take_down(settings: Settings, found: Mapping[str, Found], reason: str) -> None:
    """Withdraw what was found and return once store has deleted it."""

    async def all_of_it() -> dict[str, Tombstone]:
        async with nats_connection(settings.nats_url) as connection:
            return await takedown.take_down(connection.jetstream(timeout=10), found, reason)

    made = asyncio.run(all_of_it())
    with mongo_articles(settings) as database:
        queries.note_withdrawals(database, made.values())
        _await_store(database, list(made))


def _await_store(database: Documents, ids: Sequence[str]) -> None:
    deadline, before = time.monotonic() + PATIENCE, -1
    while left := queries.count_with_ids(database, ids):
        if left != before:
            deadline, before = time.monotonic() + PATIENCE, left
        if time.monotonic() > deadline:
            said = "the broker has the withdrawals and the text is erased there"
            fail(EX_TEMPORARY, f"{said}; store has not deleted {left} yet. It will once it runs: `wireroom status`.")
        time.sleep(0.1)
