"""``wireroom token``: access tokens of the HTTP input, one source each."""

import asyncio
from typing import Annotated

import typer
from nats.js.errors import KeyWrongLastSequenceError

from services.ingest.http import access_tokens
from services.ingest.http.access_tokens import Token
from wireroom.cli import subject_arguments
from wireroom.cli.connections import jetstream
from wireroom.cli.output import err, fail, json_line, out, table

EX_NOT_FOUND = 1
EX_UNAVAILABLE = 69


def add(
    source: Annotated[str, typer.Argument(callback=subject_arguments.source, help="Whose articles it may publish.")],
    note: Annotated[str, typer.Option(help="What it is for; shown by `token ls`.")] = "",
) -> None:
    """Make a token and print it, once: only its hash is kept.

    Example: `wireroom token add harbour-gazette --note "the CMS"`
    """
    text, token = asyncio.run(_add(source, note))
    out.print(text, soft_wrap=True)
    err.print(f"Token {token.id} publishes for {source}. It is shown this once: keep it now.")


def list_tokens(as_json: Annotated[bool, typer.Option("--json", help="JSON, one object per line.")] = False) -> None:
    """List the tokens, without their secrets.

    Example: `wireroom token ls`
    """
    columns = ("id", "source", "created", "note")
    found = asyncio.run(_all())
    rows = [(token.id, token.source, token.created_at, token.note) for token in found]
    if as_json:
        for row in rows:
            json_line({"v": 1, **dict(zip(columns, row, strict=True))})
    elif rows:
        table(columns, rows)
    else:
        err.print("There is no token. `wireroom token add SOURCE` makes one.")


def revoke(token_id: Annotated[str, typer.Argument(help="As `wireroom token ls` lists it.")]) -> None:
    """Revoke a token: requests with it are refused within seconds.

    Example: `wireroom token revoke 3f9a0c5d1b22`
    """
    if not asyncio.run(_revoke(token_id)):
        fail(EX_NOT_FOUND, f"There is no token {token_id}. `wireroom token ls` lists them.")
    err.print(f"Token {token_id} is revoked.")


async def _add(source: str, note: str) -> tuple[str, Token]:
    async with jetstream() as js:
        try:
            return await access_tokens.add(js, source, note)
        except KeyWrongLastSequenceError:
            fail(EX_UNAVAILABLE, "the id was taken already; try again.")


async def _all() -> list[Token]:
    async with jetstream() as js:
        found = await access_tokens.BUCKET.all(js)
    return sorted(found.values.values(), key=lambda token: (token.source, token.created_at))


async def _revoke(token_id: str) -> bool:
    async with jetstream() as js:
        return await access_tokens.revoke(js, token_id)
