"""``wireroom dead``: list, show, export and drop dead letters."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated

import typer
from nats.js import JetStreamContext

from shared.broker.dead_letter_status import DeadLetterState, DeadLetterStatus, DeadLetterStatuses
from shared.errors import Reason
from wireroom.cli import subject_arguments
from wireroom.cli.connections import jetstream
from wireroom.cli.output import as_json, counted, err, fail, json_line, one_line, out, table, tell
from wireroom.ops import dead_letter_queue
from wireroom.ops.dead_letter_queue import Choice, DeadLetter

EX_NOT_FOUND = 1
EX_USAGE = 2
NO_LETTER = "there is no dead letter {}. `wireroom dead ls --each` lists them."

Number = Annotated[int, typer.Argument(help="As `dead ls --each` lists it.")]
Places = Annotated[list[int] | None, typer.Argument(help="Numbers as `dead ls --each` lists them.")]
ByReason = Annotated[Reason | None, typer.Option(help="Only with this reason.")]
ByService = Annotated[
    str | None, typer.Option(callback=subject_arguments.service, help="Only dead-lettered by this service.")
]
ByState = Annotated[
    list[DeadLetterState] | None, typer.Option("--state", help="Only with this state; can be given again.")
]
Everything = Annotated[bool, typer.Option("--all", help="All that are there.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object per line.")]


def need_a_choice(numbers: Collection[int] | None, *, otherwise: bool, options: str) -> None:
    """End with a usage error unless dead letters are named in exactly one way: both could mean two things."""
    if bool(numbers) == otherwise:
        fail(EX_USAGE, f"which ones? Give either numbers or some of {options}.")


async def meant(js: JetStreamContext, numbers: Collection[int] | None, choice: Choice) -> list[DeadLetter]:
    """Return the dead letters in the order in which they were dead-lettered, which is that of an article's versions.

    A number that names no dead letter ends the command before it acts.
    """
    if not numbers:
        return [letter async for letter, _ in dead_letter_queue.choose(js, choice)]
    return [(await one(js, number))[0] for number in sorted(set(numbers))]


async def one(js: JetStreamContext, number: int) -> tuple[DeadLetter, bytes]:
    """Return one dead letter with its bytes, or end the command."""
    if (found := await dead_letter_queue.get(js, number)) is None:
        fail(EX_NOT_FOUND, NO_LETTER.format(number))
    return found


_AT = "%Y-%m-%d %H:%M:%S"
_SHOWN_BYTES = 4000
_LONGEST_NAME = 28  # characters


@dataclass
class _Group:
    """Dead letters with one reason, service and state."""

    count: int
    first: datetime
    last: datetime
    example: str


def list_letters(
    reason: ByReason = None,
    service: ByService = None,
    state: ByState = None,
    each: Annotated[bool, typer.Option("--each", help="One line for each dead letter, with its number.")] = False,
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
    """Return the cells with names cut to the length of ours: anyone may write a dead letter, and hides no column."""
    cells = zip(columns, row, strict=True)
    return [one_line(str(cell), _LONGEST_NAME) if column in {"service", "reason"} else cell for column, cell in cells]


async def _each(choice: Choice) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    columns = ("number", "at", "service", "reason", "state", "bytes", "origin", "detail")
    return columns, [
        (
            *(letter.sequence, f"{letter.at:{_AT}}", letter.fact("service"), letter.fact("reason")),
            *(state, letter.size, letter.origin, letter.fact("detail")),
        )
        async for letter, state in _letters(choice)
    ]


async def _by_reason(choice: Choice) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    groups: dict[tuple[str, str, DeadLetterState], _Group] = {}
    async for letter, state in _letters(choice):
        key = (letter.fact("reason"), letter.fact("service"), state)
        group = groups.setdefault(key, _Group(0, letter.at, letter.at, ""))
        group.count += 1
        group.last = letter.at
        group.example = f"{letter.sequence}: {letter.fact('detail')}"
    return ("reason", "service", "state", "count", "first", "last", "example"), [
        (*key, group.count, f"{group.first:{_AT}}", f"{group.last:{_AT}}", group.example)
        for key, group in sorted(groups.items(), key=lambda item: -item[1].count)
    ]


async def _letters(choice: Choice) -> AsyncIterator[tuple[DeadLetter, DeadLetterState]]:
    async with jetstream() as js:
        async for found in dead_letter_queue.choose(js, choice):
            yield found


def show(
    number: Number,
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the original bytes, unchanged; into a pipe or a file.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --raw, also to a terminal, which obeys them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: why and when it was put there, what became of it, its headers, its original bytes.

    Examples: `wireroom dead show 12`, `wireroom dead show 12 --raw > letter.json`
    """
    letter, data, status = asyncio.run(_one(number))
    if raw:
        if sys.stdout.isatty() and not force:
            fail(
                EX_USAGE,
                "these are bytes from outside, which a terminal obeys. Send them to a file or a pipe, or say --force.",
            )
        sys.stdout.buffer.write(data)
        return
    state = status.state if status else DeadLetterState.OPEN
    if as_json:
        facts = {"number": number, "at": letter.at, "state": state, "since": status and status.at}
        json_line(
            {
                "v": 1,
                **facts,
                "edited": bool(status and status.edited),
                "origin": letter.origin,
                "headers": letter.headers,
            }
            | _as_text(data)
        )
        return
    since = f" since {status.at:{_AT}}{', edited' if status.edited else ''}" if status else ""
    out.print(f"state: {state}{since}")
    if letter.origin:
        out.print(f"origin: {one_line(letter.origin, 2000)}")
    for name, value in letter.headers.items():
        out.print(f"{name}: {one_line(value, 2000)}")
    out.print()
    out.print(data[:_SHOWN_BYTES].decode("utf-8", "replace"), lines=True)
    if len(data) > _SHOWN_BYTES:
        err.print(f"{len(data) - _SHOWN_BYTES} more bytes: `wireroom dead show {number} --raw`")


async def _one(number: int) -> tuple[DeadLetter, bytes, DeadLetterStatus | None]:
    async with jetstream() as js:
        letter, data = await one(js, number)
        return letter, data, (await DeadLetterStatuses(js).all()).get(number)


def _as_text(data: bytes) -> dict[str, str]:
    """Return the bytes as JSON can hold them without a loss."""
    try:
        return {"body": data.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(data).decode()}


EX_CANNOT_CREATE = 73


def export(
    numbers: Places = None,
    reason: ByReason = None,
    service: ByService = None,
    state: ByState = None,
    everything: Everything = False,
    to: Annotated[Path, typer.Option(help="A new file; - for standard output.")] = Path("-"),
) -> None:
    """Write dead letters as JSON Lines: number, state, error, headers, and the original bytes as base64.

    The dead letters stay. `wireroom dead replay --from FILE` sends such a file back, also after you changed it.

    Examples: `wireroom dead export --reason schema --to schema.jsonl`,
    `wireroom dead export 12 | jq -r .body_base64 | base64 -d`
    """
    need_a_choice(
        numbers, otherwise=bool(reason or service or state or everything), options="--reason, --service, --state, --all"
    )
    count = asyncio.run(_export(numbers, Choice(service, reason, tuple(state or ())), to))
    err.print(f"exported {count}")


async def _export(numbers: list[int] | None, choice: Choice, to: Path) -> int:
    count = 0
    async with jetstream() as js:
        chosen = await meant(js, numbers, choice)
        statuses = await DeadLetterStatuses(js).all()
        with _opened(to) as file:
            for letter in chosen:
                if found := await dead_letter_queue.get(js, letter.sequence):
                    state = statuses[letter.sequence].state if letter.sequence in statuses else DeadLetterState.OPEN
                    line = dead_letter_queue.as_line(*found, state)
                    file.write(as_json(line).encode() + b"\n")
                    count += 1
    return count


def _opened(to: Path) -> AbstractContextManager[IO[bytes]]:
    try:
        return nullcontext(sys.stdout.buffer) if str(to) == "-" else to.open("xb")
    except OSError as error:
        fail(EX_CANNOT_CREATE, f"{to} cannot be written: {error.strerror}. Name a file that is not there yet.")


def drop(
    numbers: Places = None,
    reason: ByReason = None,
    service: ByService = None,
    succeeded: Annotated[bool, typer.Option("--succeeded", help="Only those whose replay succeeded.")] = False,
    everything: Everything = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good; those that come meanwhile stay.

    Examples: `wireroom dead drop 12`, `wireroom dead drop --succeeded --yes`, `wireroom dead drop --reason empty_body`
    """
    otherwise = bool(reason or service or succeeded or everything)
    need_a_choice(numbers, otherwise=otherwise, options="--reason, --service, --succeeded and --all")
    choice = Choice(service, reason, (DeadLetterState.SUCCEEDED,) if succeeded else ())
    chosen = asyncio.run(_chosen(numbers, choice))
    if chosen and not yes:
        those = counted(len(chosen), "dead letter")
        if not sys.stdin.isatty():
            fail(EX_USAGE, f"{those} would be deleted for good; say --yes where nobody can be asked.")
        typer.confirm(f"Delete {those} for good?", abort=True, err=True)
    asyncio.run(_drop(chosen, None if numbers or succeeded else choice))
    tell(f"dropped {len(chosen)}", {"dropped": len(chosen)}, as_json=as_json)


async def _chosen(numbers: list[int] | None, choice: Choice) -> list[DeadLetter]:
    async with jetstream() as js:
        return await meant(js, numbers, choice)


async def _drop(chosen: list[DeadLetter], every: Choice | None) -> None:
    async with jetstream(30) as js:
        await dead_letter_queue.drop(js, chosen, every)
