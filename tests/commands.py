"""The command as its users run it: a process of its own, with the servers of a test."""

import asyncio
import os
import sys
from pathlib import Path

from shared.settings import Settings


async def wireroom(settings: Settings, *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    environment = os.environ | {
        "WIREROOM_NATS_URL": settings.nats_url,
        "WIREROOM_MONGO_URL": settings.mongo_url,
        "WIREROOM_MONGO_DATABASE": settings.mongo_database,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wireroom", *arguments, env=environment, cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()
