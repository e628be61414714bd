"""``wireroom dead export`` and ``dead drop``: letters into a file, and letters away."""

import asyncio
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Annotated

import typer

from shared.broker.dead_letter_status import Fate, Marks
from shared.settings import Settings
from wireroom.cli.commands.dead_arguments import (
    EX_USAGE,
    AsJson,
    ByReason,
    ByService,
    ByState,
    Everything,
    Places,
    meant,
    need_a_choice,
    tell,
)
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import as_json, counted, err, fail
from wireroom.ops import dead_letter_queries, dead_letter_replay
from wireroom.ops.dead_letter_queries import Choice, Letter

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

    The letters stay. `wireroom dead replay --from FILE` sends such a file back, also after you changed it.

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
    async with nats_connection(Settings().nats_url) as connection:
        js = connection.jetstream(timeout=5)
        chosen = await meant(js, numbers, choice)
        marks = await Marks(js).all()
        with _opened(to) as file:
            for letter in chosen:
                if found := await dead_letter_queries.get(js, letter.sequence):
                    fate = marks[letter.sequence].fate if letter.sequence in marks else Fate.OPEN
                    line = dead_letter_replay.as_line(*found, fate)
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
    """Delete dead letters for good; those set aside in the meantime stay.

    Examples: `wireroom dead drop 12`, `wireroom dead drop --succeeded --yes`, `wireroom dead drop --reason empty_body`
    """
    otherwise = bool(reason or service or succeeded or everything)
    need_a_choice(numbers, otherwise=otherwise, options="--reason, --service, --succeeded and --all")
    choice = Choice(service, reason, (Fate.SUCCEEDED,) if succeeded else ())
    chosen = asyncio.run(_chosen(numbers, choice))
    if chosen and not yes:
        those = counted(len(chosen), "letter")
        if not sys.stdin.isatty():
            fail(EX_USAGE, f"{those} would be deleted for good; say --yes where nobody can be asked.")
        typer.confirm(f"Delete {those} for good?", abort=True, err=True)
    asyncio.run(_drop(chosen, None if numbers or succeeded else choice))
    tell(f"dropped {len(chosen)}", {"dropped": len(chosen)}, as_json=as_json)


async def _chosen(numbers: list[int] | None, choice: Choice) -> list[Letter]:
    async with nats_connection(Settings().nats_url) as connection:
        return await meant(connection.jetstream(timeout=5), numbers, choice)


async def _drop(chosen: list[Letter], every: Choice | None) -> None:
    async with nats_connection(Settings().nats_url) as connection:
        await dead_letter_queries.drop(connection.jetstream(timeout=30), chosen, every)
