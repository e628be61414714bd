"""``wireroom dead replay`` and ``dead drop``: what to do with messages that were set aside."""

import asyncio
import sys
from collections import Counter
from typing import Annotated

import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.errors import Reason
from shared.settings import Settings
from wireroom import letters, subjects
from wireroom.connections import nats_connection
from wireroom.letters import Heap
from wireroom.terminal import err, fail, json_line, out

EX_PARTLY = 1
EX_NOT_FOUND = 1
EX_USAGE = 2
EX_TEMPORARY = 75
NO_LETTER = "there is no dead letter {}. `wireroom dead ls --each` lists them."

Places = Annotated[list[int] | None, typer.Argument(help="Numbers as `dead ls --each` lists them.")]
ByReason = Annotated[Reason | None, typer.Option(help="Only with this reason.")]
ByService = Annotated[str | None, typer.Option(callback=subjects.service, help="Only set aside by this service.")]
Everything = Annotated[bool, typer.Option("--all", help="All that are there.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object per line.")]


def replay(
    numbers: Places = None,
    reason: ByReason = None,
    service: ByService = None,
    everything: Everything = False,
    drop: Annotated[bool, typer.Option("--drop", help="Drop each letter once the broker has it again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back where they came from, unchanged. They stay listed unless `--drop` is given.

    Repeating it within an hour is safe: the broker takes each letter once. Exit code 1 if a letter cannot be replayed.

    Examples: `wireroom dead replay 12 13`, `wireroom dead replay --reason retries_exhausted --drop`
    """
    _need_a_choice(numbers, reason, service, everything=everything)
    if dry_run:
        count = _count(asyncio.run(_meant(numbers, reason, service)))
        _tell(f"would replay {count}", {"would_replay": count}, as_json=as_json)
        return
    done = asyncio.run(_replay(numbers, reason, service, drop=drop))
    said = f"replayed {done['replayed']}{' and dropped them' if drop else ''}"
    if done["there_already"]:
        said += f"; {done['there_already']} had been replayed within the last hour, the broker takes each once"
    _tell(said, {"replayed": 0, "there_already": 0, "stay": 0} | done, as_json=as_json)
    raise typer.Exit(EX_PARTLY if done["stay"] else 0)


async def _replay(numbers: list[int] | None, reason: str | None, service: str | None, *, drop: bool) -> Counter[str]:
    """Replay in the order in which they were set aside, which is that of an article's versions."""
    done: Counter[str] = Counter()
    async with nats_connection(Settings().nats_url) as connection:
        js = connection.jetstream(timeout=5)
        read = letters.read(js, service=service, reason=reason)
        for number in await _checked(js, numbers) if numbers else [letter.sequence async for letter in read]:
            try:
                done[await _again(js, number, drop=drop)] += 1
            except NatsError as error:
                said = f"letter {number} was not taken: {error}. {done['replayed']} were replayed before it"
                fail(EX_TEMPORARY, f"{said}. `wireroom status --check` may tell why; then run it again.")
    return done


async def _checked(js: JetStreamContext, numbers: list[int]) -> list[int]:
    """Return the numbers in order; one that names no letter ends the command before it acts."""
    for number in numbers:
        if await letters.get(js, number) is None:
            fail(EX_NOT_FOUND, NO_LETTER.format(number))
    return sorted(set(numbers))


async def _again(js: JetStreamContext, number: int, *, drop: bool) -> str:
    if (found := await letters.get(js, number)) is None:
        return "gone"
    try:
        taken = await letters.replay(js, *found)
    except letters.NotReplayable as refusal:
        err.print(f"{refusal}. `wireroom dead show {number} --raw` has its bytes.", markup=False)
        return "stay"
    if drop:
        await letters.drop(js, number)
    return "replayed" if taken else "there_already"


def drop(
    numbers: Places = None,
    reason: ByReason = None,
    service: ByService = None,
    everything: Everything = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good; those set aside in the meantime stay.

    Examples: `wireroom dead drop 12`, `wireroom dead drop --reason empty_body --yes`
    """
    _need_a_choice(numbers, reason, service, everything=everything)
    meant = asyncio.run(_meant(numbers, reason, service))
    count = _count(meant)
    if count and not yes:
        if not sys.stdin.isatty():
            fail(EX_USAGE, f"{count} letters would be deleted for good; say --yes where nobody can be asked.")
        typer.confirm(f"Delete {count} letters for good?", abort=True, err=True)
    asyncio.run(_drop(meant))
    _tell(f"dropped {count}", {"dropped": count}, as_json=as_json)


async def _meant(numbers: list[int] | None, reason: str | None, service: str | None) -> list[int] | Heap:
    async with nats_connection(Settings().nats_url) as connection:
        js = connection.jetstream(timeout=5)
        return await _checked(js, numbers) if numbers else await letters.heap(js, service=service, reason=reason)


def _count(meant: list[int] | Heap) -> int:
    return meant.count if isinstance(meant, Heap) else len(meant)


async def _drop(meant: list[int] | Heap) -> None:
    async with nats_connection(Settings().nats_url) as connection:
        js = connection.jetstream(timeout=30)  # deleting a hundred thousand takes the broker seconds
        if isinstance(meant, Heap):
            await letters.drop_all(js, meant)
            return
        for number in meant:
            await letters.drop(js, number)


def _need_a_choice(numbers: list[int] | None, reason: Reason | None, service: str | None, *, everything: bool) -> None:
    if bool(numbers) == bool(reason or service or everything):  # both could mean two things
        fail(EX_USAGE, "which ones? Give either numbers or some of --reason, --service and --all.")


def _tell(said: str, numbers: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        json_line({"v": 1, **numbers})
    else:
        out.print(said)
