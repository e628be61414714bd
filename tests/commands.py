"""The command as its users type it, run in this process: one import of it serves all tests.

Commands run in a thread of their own, so services of a test go on in the test's event loop meanwhile. What only a
process can show (signals, exit of the interpreter, terminals) is tested with processes.
"""

import asyncio
import json
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from shared.settings import Settings

LIMIT = 120.0  # seconds for one command


@dataclass(frozen=True)
class Answer:
    """``said`` is standard output and standard error in the order in which they were written."""

    code: int
    out: str
    err: str
    said: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Each line of standard output as the JSON object that it is."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Wireroom:
    """The command in a folder, with the settings of a test; a call raises what the command failed to handle."""

    environment: dict[str, str]
    folder: Path = field(default_factory=Path.cwd)

    async def __call__(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Answer:
        return await asyncio.wait_for(asyncio.to_thread(self.run, *arguments, stdin=stdin, **environment), LIMIT)

    def run(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Answer:
        from wireroom.cli.main import app

        with chdir(self.folder):
            ended = CliRunner().invoke(app, arguments, input=stdin, env=self.environment | environment)
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Answer(ended.exit_code, ended.stdout, ended.stderr, ended.output)


def command_of(settings: Settings, folder: Path | None = None) -> Wireroom:
    """Return the command with the servers of a test."""
    environment = {
        "WIREROOM_NATS_URL": settings.nats_url,
        "WIREROOM_MONGO_URL": settings.mongo_url,
        "WIREROOM_MONGO_DATABASE": settings.mongo_database,
    }
    return Wireroom(environment, folder or Path.cwd())


async def wireroom(settings: Settings, *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said, as on a terminal."""
    answer = await command_of(settings)(*arguments)
    return answer.code, answer.said


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment variables that give a process these settings."""
    given = settings.model_dump(exclude_none=True)
    return {f"WIREROOM_{name.upper()}": str(value) for name, value in given.items()}
