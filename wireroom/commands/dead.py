"""``wireroom dead``: the messages that were set aside, why, and what to do with them."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from nats.js import JetStreamContext

from shared.errors import Reason
from shared.settings import Settings
from wireroom import letters
from wireroom.connections import nats_connection
from wireroom.letters import Letter
from wireroom.terminal import err, fail, json_line, one_line, out, table, term_safe

EX_USAGE = 2
EX_NOT_FOUND = 1
_AT = "%Y-%m-%d %H:%M:%S"
_SHOWN_BYTES = 4000

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
Places = Annotated[list[int] | None, typer.Argument(help="Numbers as `dead ls --each` lists them.")]
ByReason = Annotated[Reason | None, typer.Option(help="Only with this reason.")]
ByService = Annotated[str | None, typer.Option(help="Only set aside by this service.")]
Everything = Annotated[bool, typer.Option("--all", help="All that are there.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


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
    found = asyncio.run(_selected(None, reason, service))
    columns, rows = _each(found) if each else _by_reason(found)
    if as_json:
        for row in rows:
            json_line({"v": 1, **dict(zip(columns, row, strict=True))})
    elif rows:
        table(columns, rows, numbers=("number", "count", "bytes"))
    else:
        err.print("No dead letters.")


def _each(found: list[Letter]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    columns = ("number", "at", "service", "reason", "bytes", "detail")
    return columns, [
        (
            item.sequence,
            f"{item.at:{_AT}}",
            item.fact("service"),
            item.fact("reason"),
            len(item.data),
            item.fact("detail"),
        )
        for item in found
    ]


def _by_reason(found: list[Letter]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    groups: defaultdict[tuple[str, str], list[Letter]] = defaultdict(list)
    for letter in found:
        groups[letter.fact("reason"), letter.fact("service")].append(letter)
    columns = ("reason", "service", "count", "first", "last", "example")
    return columns, [
        (
            *key,
            len(group),
            f"{group[0].at:{_AT}}",
            f"{group[-1].at:{_AT}}",
            f"{group[-1].sequence}: {group[-1].fact('detail')}",
        )
        for key, group in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


@app.command()
def show(
    number: Annotated[int, typer.Argument(help="As `dead ls --each` lists it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only the original bytes, unchanged.")] = False,
) -> None:
    """Show one dead letter: why and when it was set aside, its headers, its original bytes.

    Examples: `wireroom dead show 12`, `wireroom dead show 12 --raw > letter.json`
    """
    [letter] = asyncio.run(_selected([number], None, None))
    if raw:
        sys.stdout.buffer.write(letter.data)
        return
    for name, value in letter.headers.items():
        out.print(f"{name}: {one_line(value, 2000)}", markup=False)
    out.print()
    out.print(term_safe(letter.data[:_SHOWN_BYTES].decode("utf-8", "replace")), markup=False)
    if len(letter.data) > _SHOWN_BYTES:
        err.print(f"{len(letter.data) - _SHOWN_BYTES} more bytes: `wireroom dead show {number} --raw`")


@app.command()
def replay(
    numbers: Places = None,
    reason: ByReason = None,
    service: ByService = None,
    everything: Everything = False,
    drop: Annotated[bool, typer.Option("--drop", help="Drop each letter once the broker has it again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
) -> None:
    """Put dead letters back where they came from, unchanged. They stay listed unless `--drop` is given.

    Repeating it within an hour is safe: the broker takes each letter once.

    Examples: `wireroom dead replay 12 13`, `wireroom dead replay --reason retries_exhausted --drop`
    """
    _need_a_choice(numbers, reason, service, everything=everything)

    async def again(js: JetStreamContext, letter: Letter) -> None:
        await letters.replay(js, letter)
        if drop:
            await letters.drop(js, letter)

    done = asyncio.run(_selected(numbers, reason, service, None if dry_run else again))
    out.print(f"{'would replay' if dry_run else 'replayed'} {len(done)}{' and dropped them' if drop else ''}")


@app.command()
def drop(
    numbers: Places = None,
    reason: ByReason = None,
    service: ByService = None,
    everything: Everything = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete dead letters for good.

    Examples: `wireroom dead drop 12`, `wireroom dead drop --reason empty_body --yes`
    """
    _need_a_choice(numbers, reason, service, everything=everything)
    found = asyncio.run(_selected(numbers, reason, service))
    if not yes:
        if not sys.stdin.isatty():
            fail(EX_USAGE, f"{len(found)} letters would be deleted for good; say --yes where nobody can be asked.")
        typer.confirm(f"Delete {len(found)} letters for good?", abort=True, err=True)
    asyncio.run(_selected([letter.sequence for letter in found], None, None, letters.drop))
    out.print(f"dropped {len(found)}")


def _need_a_choice(numbers: list[int] | None, reason: Reason | None, service: str | None, *, everything: bool) -> None:
    if not (numbers or reason or service or everything):
        fail(EX_USAGE, "which ones? Give numbers, --reason, --service or --all.")


async def _selected(
    numbers: list[int] | None,
    reason: Reason | None,
    service: str | None,
    act: Callable[[JetStreamContext, Letter], Awaitable[None]] | None = None,
) -> list[Letter]:
    """Return the chosen letters after acting on each; a number that is none ends the command before it acts."""
    async with nats_connection(Settings().nats_url) as connection:
        js = connection.jetstream(timeout=5)
        if numbers:
            found = [await _get(js, number) for number in numbers]
        else:
            found = [letter async for letter in letters.read(js, service=service, reason=reason)]
        for letter in found:
            if act:
                await act(js, letter)
        return found


async def _get(js: JetStreamContext, number: int) -> Letter:
    letter = await letters.get(js, number)
    if letter is None:
        fail(EX_NOT_FOUND, f"there is no dead letter {number}. `wireroom dead ls --each` lists them.")
    return letter
