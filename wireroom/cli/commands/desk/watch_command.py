"""``wireroom desk watch``: saved searches, whose new matches go to a subject, a feed and a webhook."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from services.desk.subscriptions import saved_search
from services.desk.subscriptions.saved_search import SavedSearch, TooManySearchesError
from wireroom.cli import subject_arguments
from wireroom.cli.connections import jetstream
from wireroom.cli.output import err, fail, json_line, out, table

EX_NOT_FOUND = 1
EX_DATA = 65
EX_UNAVAILABLE = 69
Name = Annotated[
    str, typer.Argument(callback=subject_arguments.source, help="Lower case letters, digits and dashes: harbour-news.")
]


def add(
    name: Name,
    query: Annotated[str, typer.Argument(help='As the desk reads it: lock entity:"ORG:Aldercroft Bank" lang:en.')],
    webhook: Annotated[str | None, typer.Option(help="Where to send each match: an http or https address.")] = None,
    secret_file: Annotated[
        Path | None, typer.Option(help="The key that signs what is sent, as base64; without it one is made.")
    ] = None,
) -> None:
    """Save a search; each new article that meets it goes to `news.v1.matched.NAME`, to a feed, and to a webhook.

    The key of a webhook is printed once where it is made here; both sides need it.

    Examples: `wireroom desk watch add harbour 'lock -quay'`,
    `wireroom desk watch add bank 'entity:"ORG:Aldercroft Bank"' --webhook https://hooks.example/in --secret-file key`
    """
    if secret_file and not webhook:
        raise typer.BadParameter("a secret is for a webhook; name it with --webhook", param_hint="--secret-file")
    _check(query, webhook)
    secret = _secret(secret_file) if webhook else None
    made = saved_search.made(name, query, webhook, secret)
    if not asyncio.run(_add(made)):
        fail(EX_NOT_FOUND, f"There is a saved search {name} already; `wireroom desk watch rm {name}` removes it.")
    if secret and not secret_file:
        out.print(secret)
        err.print("This is the key of the webhook. It is shown this once: keep it now.")
    err.print(f"Saved. New matches come on news.v1.matched.{name} and in /feeds/{name}.atom of the desk.")


def list_searches(as_json: Annotated[bool, typer.Option("--json", help="JSON, one object per line.")] = False) -> None:
    """List the saved searches, and how many matches wait for their webhooks.

    Example: `wireroom desk watch ls`
    """
    found = asyncio.run(_all())
    columns = ("name", "query", "created", "webhook", "waiting")
    rows = [
        (each.name, each.query, f"{each.created_at:%Y-%m-%d %H:%M}", each.webhook or "", "" if waits is None else waits)
        for each, waits in found
    ]
    if as_json:
        for each, waits in found:
            kept = each.model_dump(mode="json", exclude={"secret"})
            json_line({"v": 1, **kept, "waiting": waits})
    elif rows:
        table(columns, rows, numbers=("waiting",), wrapped=("query", "webhook"), dropped=("created", "webhook"))
    else:
        err.print("There is no saved search. `wireroom desk watch add NAME QUERY` saves one.")


def remove(name: Name) -> None:
    """Forget a saved search: nothing is matched any more, and what its webhook has not taken is not delivered.

    Example: `wireroom desk watch rm harbour`
    """
    if not asyncio.run(_remove(name)):
        fail(EX_NOT_FOUND, f"There is no saved search {name}. `wireroom desk watch ls` lists them.")
    err.print(f"The saved search {name} is removed.")


def _check(query: str, webhook: str | None) -> None:
    from services.desk.index.query_parser import parse  # noqa: PLC0415 - only here
    from services.desk.search_engine import InvalidQueryError  # noqa: PLC0415
    from shared.guarded_http import FetchError, checked_url  # noqa: PLC0415 - httpx takes a tenth of a second

    if not query.strip():
        raise typer.BadParameter("it needs words or fields; an empty one matches every article", param_hint="QUERY")
    try:
        parse(query)
    except InvalidQueryError as error:
        raise typer.BadParameter(str(error), param_hint="QUERY") from None
    try:
        if webhook:
            checked_url(webhook)
    except FetchError as error:
        raise typer.BadParameter(error.detail, param_hint="--webhook") from None


def _secret(path: Path | None) -> str:
    if path is None:
        return saved_search.new_secret()
    try:
        text = path.read_text("ascii").strip()
        saved_search.key_of(text)
    except OSError as error:
        fail(EX_DATA, f"{path} cannot be read: {os.strerror(error.errno or 0)}.")
    except ValueError as error:
        fail(EX_DATA, f"{path}: {error}.")
    return text


async def _add(search: SavedSearch) -> bool:
    async with jetstream() as js:
        try:
            return await saved_search.add(js, search)
        except TooManySearchesError as error:
            fail(EX_UNAVAILABLE, f"{error}.")


async def _all() -> list[tuple[SavedSearch, int | None]]:
    async with jetstream() as js:
        found = (await saved_search.BUCKET.all(js)).values
        return [(each, await saved_search.waiting(js, each)) for _, each in sorted(found.items())]


async def _remove(name: str) -> bool:
    async with jetstream() as js:
        return await saved_search.remove(js, name)
