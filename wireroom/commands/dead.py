"""``wireroom dead``: the messages that were set aside, and why."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from shared.settings import Settings
from wireroom import letters
from wireroom.commands import replaying
from wireroom.commands.replaying import EX_NOT_FOUND, AsJson, ByReason, ByService
from wireroom.connections import nats_connection
from wireroom.letters import Letter
from wireroom.terminal import err, fail, json_line, one_line, out, table, term_safe

_AT = "%Y-%m-%d %H:%M:%S"
_SHOWN_BYTES = 4000

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.command()(replaying.replay)
app.command()(replaying.drop)


@dataclass
class _Group:
    """Letters with one reason and service."""

    count: int
    first: datetime
    last: datetime
    example: str


@app.command("ls")
def list_letters(
    reason: ByReason = None,
    service: ByService = None,
    each: Annotated[bool, typer.Option("--each", help="One line for each letter, with its number.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters by reason.

    Examples: `wireroom dead ls`, `wireroom dead ls --reason schema --each --json`
    """
    columns, rows = asyncio.run(_each(reason, service) if each else _by_reason(reason, service))
    if as_json:
        for row in rows:
            json_line({"v": 1, **dict(zip(columns, row, strict=True))})
    elif rows:
        table(columns, rows, numbers=("number", "count", "bytes"))
    else:
        err.print("No dead letters.")


async def _each(reason: str | None, service: str | None) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    columns = ("number", "at", "service", "reason", "bytes", "detail")
    return columns, [
        (item.sequence, f"{item.at:{_AT}}", item.fact("service"), item.fact("reason"), item.size, item.fact("detail"))
        async for item in _letters(reason, service)
    ]


async def _by_reason(reason: str | None, service: str | None) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    groups: dict[tuple[str, str], _Group] = {}
    async for letter in _letters(reason, service):
        group = groups.setdefault((letter.fact("reason"), letter.fact("service")), _Group(0, letter.at, letter.at, ""))
        group.count += 1
        group.last = letter.at
        group.example = f"{letter.sequence}: {letter.fact('detail')}"
    return ("reason", "service", "count", "first", "last", "example"), [
        (*key, group.count, f"{group.first:{_AT}}", f"{group.last:{_AT}}", group.example)
        for key, group in sorted(groups.items(), key=lambda item: -item[1].count)
    ]


async def _letters(reason: str | None, service: str | None) -> AsyncIterator[Letter]:
    async with nats_connection(Settings().nats_url) as connection:
        async for letter in letters.read(connection.jetstream(timeout=5), service=service, reason=reason):
            yield letter


@app.command()
def show(
    number: Annotated[int, typer.Argument(help="As `dead ls --each` lists it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only the original bytes, unchanged.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: why and when it was set aside, its headers, its original bytes.

    Examples: `wireroom dead show 12`, `wireroom dead show 12 --raw > letter.json`
    """
    letter, data = asyncio.run(_one(number))
    if raw:
        sys.stdout.buffer.write(data)
        return
    if as_json:
        json_line({"v": 1, "number": number, "at": letter.at, "headers": letter.headers} | _as_text(data))
        return
    for name, value in letter.headers.items():
        out.print(f"{name}: {one_line(value, 2000)}", markup=False)
    out.print()
    out.print(term_safe(data[:_SHOWN_BYTES].decode("utf-8", "replace")), markup=False)
    if len(data) > _SHOWN_BYTES:
        err.print(f"{len(data) - _SHOWN_BYTES} more bytes: `wireroom dead show {number} --raw`")


async def _one(number: int) -> tuple[Letter, bytes]:
    async with nats_connection(Settings().nats_url) as connection:
        found = await letters.get(connection.jetstream(timeout=5), number)
    if found is None:
        fail(EX_NOT_FOUND, replaying.NO_LETTER.format(number))
    return found


def _as_text(data: bytes) -> dict[str, str]:
    """Return the bytes as JSON can hold them without a loss."""
    try:
        return {"body": data.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(data).decode()}
