"""``wireroom dead edit``: a letter is mended by a person, checked, and sent back."""

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from nats.errors import Error as NatsError

from shared.errors import Rejected
from shared.settings import Settings
from wireroom.cli.commands.dead_arguments import EX_USAGE, AsJson, Number, one, tell
from wireroom.cli.connections import nats_connection
from wireroom.cli.output import fail
from wireroom.ops import dead_letter_replay
from wireroom.ops.dead_letter_queries import Letter
from wireroom.ops.dead_letter_replay import NotReplayable

EX_NOTHING = 1
EX_DATA = 65
EX_TEMPORARY = 75


def edit(
    number: Number,
    file: Annotated[Path | None, typer.Option(help="Bytes to send instead of asking an editor; - for stdin.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a dead letter in your $EDITOR and replay it: first it is checked as its service would. The letter stays.

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
    said = f"replayed letter {number} with your changes" if taken else "that had been replayed within the last hour"
    tell(f"{said}; the letter itself stays as it was", {"number": number, "replayed": int(taken)}, as_json=as_json)


async def _one(number: int) -> tuple[Letter, bytes]:
    async with nats_connection(Settings().nats_url) as connection:
        return await one(connection.jetstream(timeout=5), number)


async def _send_edited(letter: Letter, data: bytes) -> bool:
    async with nats_connection(Settings().nats_url) as connection:
        return await dead_letter_replay.replay(connection.jetstream(timeout=5), letter, data, edited=True)


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
