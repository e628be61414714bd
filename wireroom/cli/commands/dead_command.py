"""``wireroom dead``: the messages that were set aside, and why."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from shared.broker.dead_letter_status import Fate, Mark, Marks
from shared.settings import Settings
from wireroom.cli.commands import dead_edit, dead_export, dead_replay
from wireroom.cli.commands.dead_arguments import EX_USAGE, AsJson, ByReason, ByService, ByState, Number, one
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import err, fail, json_line, one_line, out, table
from wireroom.ops import dead_letter_queries
from wireroom.ops.dead_letter_queries import Choice, Letter

_AT = "%Y-%m-%d %H:%M:%S"
_SHOWN_BYTES = 4000
_LONGEST_NAME = 28  # characters

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.command()(dead_replay.replay)
app.command()(dead_edit.edit)
app.command()(dead_export.export)
app.command()(dead_export.drop)


@dataclass
class _Group:
    """Letters with one reason, service and state."""

    count: int
    first: datetime
    last: datetime
    example: str


@app.command("ls")
def list_letters(
    reason: ByReason = None,
    service: ByService = None,
    state: ByState = None,
    each: Annotated[bool, typer.Option("--each", help="One line for each letter, with its number.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters by reason and by what became of them: open, replayed, succeeded, failed again.

    Dropped ones are listed with `--state dropped` only.

    Examples: `wireroom dead ls`, `wireroom dead ls --reason schema --state open --each --json`
    """
    choice = Choice(service, reason, tuple(state or ()))
    columns, rows = asyncio.run(_each(choice) if each else _by_reason(choice))
    if as_json:
        for row in rows:
            json_line({"v": 1, **dict(zip(columns, row, strict=True))})
    elif rows:
        table(columns, [_short(columns, row) for row in rows], numbers=("number", "count", "bytes"))
    else:
        err.print("No dead letters.")


def _short(columns: tuple[str, ...], row: tuple[object, ...]) -> list[object]:
    """Return the cells with no name longer than ours are: anyone may write a letter, and none hides other columns."""
    cells = zip(columns, row, strict=True)
    return [one_line(str(cell), _LONGEST_NAME) if column in {"service", "reason"} else cell for column, cell in cells]


async def _each(choice: Choice) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    columns = ("number", "at", "service", "reason", "state", "bytes", "origin", "detail")
    return columns, [
        (
            *(letter.sequence, f"{letter.at:{_AT}}", letter.fact("service"), letter.fact("reason")),
            *(fate, letter.size, letter.origin, letter.fact("detail")),
        )
        async for letter, fate in _letters(choice)
    ]


async def _by_reason(choice: Choice) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    groups: dict[tuple[str, str, Fate], _Group] = {}
    async for letter, fate in _letters(choice):
        key = (letter.fact("reason"), letter.fact("service"), fate)
        group = groups.setdefault(key, _Group(0, letter.at, letter.at, ""))
        group.count += 1
        group.last = letter.at
        group.example = f"{letter.sequence}: {letter.fact('detail')}"
    return ("reason", "service", "state", "count", "first", "last", "example"), [
        (*key, group.count, f"{group.first:{_AT}}", f"{group.last:{_AT}}", group.example)
        for key, group in sorted(groups.items(), key=lambda item: -item[1].count)
    ]


async def _letters(choice: Choice) -> AsyncIterator[tuple[Letter, Fate]]:
    async with nats_connection(Settings().nats_url) as connection:
        async for found in dead_letter_queries.choose(connection.jetstream(timeout=5), choice):
            yield found


@app.command()
def show(
    number: Number,
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the original bytes, unchanged; into a pipe or a file.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --raw, also to a terminal, which obeys them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: why and when it was set aside, what became of it, its headers, its original bytes.

    Examples: `wireroom dead show 12`, `wireroom dead show 12 --raw > letter.json`
    """
    letter, data, mark = asyncio.run(_one(number))
    if raw:
        if sys.stdout.isatty() and not force:
            fail(
                EX_USAGE,
                "these are bytes from outside, which a terminal obeys. Send them to a file or a pipe, or say --force.",
            )
        sys.stdout.buffer.write(data)
        return
    state = mark.fate if mark else Fate.OPEN
    if as_json:
        facts = {"number": number, "at": letter.at, "state": state, "since": mark and mark.at}
        json_line(
            {"v": 1, **facts, "edited": bool(mark and mark.edited), "origin": letter.origin, "headers": letter.headers}
            | _as_text(data)
        )
        return
    since = f" since {mark.at:{_AT}}{', edited' if mark.edited else ''}" if mark else ""
    out.print(f"state: {state}{since}")
    if letter.origin:
        out.print(f"origin: {one_line(letter.origin, 2000)}")
    for name, value in letter.headers.items():
        out.print(f"{name}: {one_line(value, 2000)}")
    out.print()
    out.print(data[:_SHOWN_BYTES].decode("utf-8", "replace"), lines=True)
    if len(data) > _SHOWN_BYTES:
        err.print(f"{len(data) - _SHOWN_BYTES} more bytes: `wireroom dead show {number} --raw`")


async def _one(number: int) -> tuple[Letter, bytes, Mark | None]:
    async with nats_connection(Settings().nats_url) as connection:
        js = connection.jetstream(timeout=5)
        letter, data = await one(js, number)
        return letter, data, (await Marks(js).all()).get(number)


def _as_text(data: bytes) -> dict[str, str]:
    """Return the bytes as JSON can hold them without a loss."""
    try:
        return {"body": data.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(data).decode()}
