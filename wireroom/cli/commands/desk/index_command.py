"""``wireroom desk``: the state of a desk's index, a rebuild of it while it answers, and a comparison with MongoDB."""

import asyncio
from typing import Annotated, Any

import typer

from shared.errors import Unavailable
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import fail, json_line, out, say

EX_DIFFERENT, EX_UNAVAILABLE = 1, 69
_ANSWER = 10.0  # seconds
_COMPARISON = 300.0
_LOOK_EVERY = 0.5

_Name = Annotated[str | None, typer.Option("--name", help="Of a desk that is not named as WIREROOM_DESK_NAME says.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def state(name: _Name = None, as_json: _Json = False) -> None:
    """Show what the index of a running desk holds, and how far it has read.

    Examples: `wireroom desk state`, `wireroom desk state --name desk-2 --json`
    """
    found = asyncio.run(_ask(name, "state", _ANSWER))
    if as_json:
        json_line(found)
        return
    rebuilding = "; it is being rebuilt, and answers from the old one meanwhile" if found["rebuilding"] else ""
    out.print(
        f"{found['articles']} articles in {found['bytes'] / 1e6:.1f} MB in {found['folder']}, "
        f"read up to {found['last_sequence']} of NEWS{rebuilding}"
    )


def reindex(
    name: _Name = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return once it is done.")] = True,
    as_json: _Json = False,
) -> None:
    """Build the index of a running desk anew from MongoDB; the old one answers until the new one is complete.

    Examples: `wireroom desk reindex`, `wireroom desk reindex --no-wait`
    """
    found = asyncio.run(_reindex(name, wait=wait))
    if as_json:
        json_line(found)
    elif wait:
        out.print(f"The index has {found['articles']} articles.")
    else:
        out.print("The index is being built; `wireroom desk state` shows when it is done.")


def check(name: _Name = None, as_json: _Json = False) -> None:
    """Compare ids and versions of the index with MongoDB; exit code 1 where they differ.

    Examples: `wireroom desk check`, `wireroom desk check --json`
    """
    found = asyncio.run(_ask(name, "check", _COMPARISON))
    if as_json:
        json_line(found)
    elif found["equal"]:
        out.print(f"The index and MongoDB have the same {found['articles']} articles.")
    else:
        for kind, ids in found["examples"].items():
            more = ", …" if found[kind] > len(ids) else ""
            out.print(f"{found[kind]} {kind.replace('_', ' ')}: {', '.join(ids)}{more}")
        say("`wireroom desk reindex` builds the index anew.")
    if not found["equal"]:
        raise typer.Exit(EX_DIFFERENT)


async def _reindex(name: str | None, *, wait: bool) -> dict[str, Any]:
    found = await _ask(name, "reindex", _ANSWER)
    while wait:
        await asyncio.sleep(_LOOK_EVERY)
        found = await _ask(name, "state", _ANSWER)
        if found["complete"] and not found["rebuilding"]:
            break
    return found


async def _ask(name: str | None, verb: str, seconds: float) -> dict[str, Any]:
    from services.desk.control import ask  # noqa: PLC0415 - other commands need none of it
    from services.desk.settings import DeskSettings  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    async with nats_connection(Settings().nats_url) as connection:
        try:
            found = await ask(connection, name or DeskSettings().name, verb, seconds=seconds)
        except Unavailable as outage:
            fail(EX_UNAVAILABLE, f"{outage}. `wireroom up` runs one; --name names another.")
    if error := found.get("error"):
        fail(EX_UNAVAILABLE, f"The desk answers: {error}")
    return found
