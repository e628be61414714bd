"""``wireroom dead replay`` and ``dead edit``: dead letters go back to the stream they came from."""

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated

import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.broker.dead_letter_status import DeadLetterState
from shared.errors import Rejected
from wireroom.cli.commands.dead_command import (
    EX_USAGE,
    AsJson,
    ByReason,
    ByService,
    Everything,
    Number,
    Places,
    meant,
    need_a_choice,
    one,
)
from wireroom.cli.connections import jetstream
from wireroom.cli.output import err, fail, tell
from wireroom.ops import dead_letter_queue
from wireroom.ops.dead_letter_queue import Choice, DeadLetter, NotReplayable, paced

EX_PARTLY = 1
EX_DATA = 65
EX_TEMPORARY = 75
_RESULTS = {"replayed": 0, "there_already": 0, "stay": 0}

AtRate = Annotated[float | None, typer.Option(min=0.1, help="At most so many a second.")]
Again = Annotated[bool, typer.Option("--again", help="Also those that were replayed before, whatever came of it.")]
FromFile = Annotated[Path | None, typer.Option("--from", help="Dead letters of `dead export`; - for standard input.")]

Send = Callable[[JetStreamContext, DeadLetter, bytes], Awaitable[bool]]


def replay(
    numbers: Places = None,
    reason: ByReason = None,
    service: ByService = None,
    everything: Everything = False,
    file: FromFile = None,
    again: Again = False,
    rate: AtRate = None,
    drop: Annotated[bool, typer.Option("--drop", help="Drop each dead letter once the broker has it again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back where they came from, unchanged, or as a file has them. They stay, marked, unless `--drop`.

    By reason or service only open ones are meant. Repeating it within an hour is safe: the broker takes each once.
    Exit code 1 if a dead letter cannot be replayed.

    Examples: `wireroom dead replay 12 13`, `wireroom dead replay --reason retries_exhausted --rate 20`,
    `wireroom dead replay --from letters.jsonl`
    """
    otherwise = bool(reason or service or everything)
    if file is None:
        need_a_choice(numbers, otherwise=otherwise, options="--reason, --service and --all")
        choice = Choice(service, reason, () if again else (DeadLetterState.OPEN,))
        done = asyncio.run(_replay(numbers, choice, rate, drop=drop, dry_run=dry_run))
    elif numbers or otherwise or drop:
        fail(EX_USAGE, "--from means the dead letters of the file, and can neither choose among them nor drop them.")
    else:
        done = asyncio.run(_replay_file(file, rate, dry_run=dry_run))
    if dry_run:
        tell(f"would replay {done['replayed']}", {"would_replay": done["replayed"]}, as_json=as_json)
        return
    said = f"replayed {done['replayed']}{' and dropped them' if drop else ''}"
    if done["there_already"]:
        said += f"; {done['there_already']} had been replayed within the last hour, the broker takes each once"
    tell(said, _RESULTS | done, as_json=as_json)
    raise typer.Exit(EX_PARTLY if done["stay"] else 0)


async def _replay(
    numbers: list[int] | None, choice: Choice, rate: float | None, *, drop: bool, dry_run: bool
) -> Counter[str]:
    done: Counter[str] = Counter()
    async with jetstream() as js:
        chosen = await meant(js, numbers, choice)
        if dry_run:
            return Counter(replayed=len(chosen))
        async for letter in paced(chosen, rate):
            if not (found := await dead_letter_queue.get(js, letter.sequence)):
                continue  # it was dropped meanwhile
            became = await _send(js, *found, dead_letter_queue.replay, done)
            if drop and became != "stay":
                await dead_letter_queue.drop(js, [letter])
            done[became] += 1
    return done


async def _replay_file(file: Path, rate: float | None, *, dry_run: bool) -> Counter[str]:
    """Read the whole file before anything is sent: a line that is none ends the command before it acts."""
    done: Counter[str] = Counter()
    with _opened(file) as lines:
        count = sum(1 for _ in _letters(file, lines))
        if dry_run:
            return Counter(replayed=count)
        lines.seek(0)
        async with jetstream() as js:
            async for letter, data in paced(_letters(file, lines), rate):
                done[await _send(js, letter, data, dead_letter_queue.replay_line, done)] += 1
    return done


def _opened(file: Path) -> IO[bytes]:
    try:
        if str(file) != "-":
            return file.open("rb")
    except OSError as error:
        fail(EX_DATA, f"{file} cannot be read: {error.strerror}.")
    held = tempfile.TemporaryFile()  # noqa: SIM115 - whoever called opens it for a block
    shutil.copyfileobj(sys.stdin.buffer, held)
    held.seek(0)
    return held


def _letters(file: Path, lines: Iterable[bytes]) -> Iterator[tuple[DeadLetter, bytes]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield dead_letter_queue.from_line(line)
            except ValueError as error:
                fail(EX_DATA, f"{file} line {number} is no dead letter of `wireroom dead export`: {error}.")


async def _send(js: JetStreamContext, letter: DeadLetter, data: bytes, send: Send, done: Counter[str]) -> str:
    try:
        return "replayed" if await send(js, letter, data) else "there_already"
    except (NotReplayable, Rejected) as refusal:
        err.print(f"dead letter {letter.sequence}: {refusal}")
        return "stay"
    except NatsError as error:
        said = f"dead letter {letter.sequence} was not taken: {error}. {done['replayed']} were replayed before it"
        fail(EX_TEMPORARY, f"{said}. `wireroom status --check` may tell why; then run it again.")


EX_NOTHING = 1
EX_DATA = 65
EX_TEMPORARY = 75


def edit(
    number: Number,
    file: Annotated[Path | None, typer.Option(help="Bytes to send instead of asking an editor; - for stdin.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a dead letter in your $EDITOR and replay it: first it is checked as its service would. It stays.

    Exit code 65 if the contract refuses it; then your text is kept, and nothing was sent.

    Examples: `wireroom dead edit 12`, `wireroom dead show 12 --raw | sed s/publishd/published/ > new.json`,
    `wireroom dead edit 12 --file new.json`
    """
    letter, original = asyncio.run(_one(number))
    kept = file or _edited(number, original)
    data = sys.stdin.buffer.read() if str(kept) == "-" else _content(kept)
    if data == original:
        fail(EX_NOTHING, "nothing was changed, so nothing was sent. As it is: `wireroom dead replay`.")
    try:
        taken = asyncio.run(_send_edited(letter, data))
    except (Rejected, NotReplayable) as refusal:
        reason = f"{refusal.reason}: " if isinstance(refusal, Rejected) else ""
        fail(EX_DATA, f"{reason}{refusal}. Nothing was sent. Mend {kept} and give it with --file.")
    except NatsError as error:
        fail(EX_TEMPORARY, f"the broker did not take it: {error}. Give {kept} with --file to try again.")
    if file is None:
        kept.unlink()
    said = (
        f"replayed dead letter {number} with your changes" if taken else "that had been replayed within the last hour"
    )
    tell(f"{said}; the dead letter itself stays as it was", {"number": number, "replayed": int(taken)}, as_json=as_json)


async def _one(number: int) -> tuple[DeadLetter, bytes]:
    async with jetstream() as js:
        return await one(js, number)


async def _send_edited(letter: DeadLetter, data: bytes) -> bool:
    async with jetstream() as js:
        return await dead_letter_queue.replay(js, letter, data, edited=True)


def _edited(number: int, original: bytes) -> Path:
    """Return the file that a person has changed in an editor."""
    descriptor, name = tempfile.mkstemp(prefix=f"letter-{number}-", suffix=".json")
    with os.fdopen(descriptor, "wb") as copy:
        copy.write(original)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        code = subprocess.run([*shlex.split(editor), name], check=False).returncode  # noqa: S603 - the person's own
    except OSError as error:
        fail(EX_USAGE, f"{editor} cannot be started: {error.strerror}. Name another in EDITOR, or give --file.")
    if code:
        fail(EX_NOTHING, f"{editor} ended with {code}, so nothing was sent. Your text is in {name}.")
    return Path(name)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fail(EX_DATA, f"{path} cannot be read: {error.strerror}.")
