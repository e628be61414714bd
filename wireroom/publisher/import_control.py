"""Pausing, resuming and cancelling a running import: requests over core NATS to the `wireroom publish` that sends it.

Nothing is stored: an import that nobody sends any more has nobody who answers.
"""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

_RUN = re.compile(r"[A-Za-z0-9_-]+")
_TIMEOUT = 5.0  # seconds for an answer


class Order(StrEnum):
    """What an import is asked to do."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


def subject(run: str) -> str:
    """Return where the sender of an import listens; raises ValueError for what is no id of one."""
    if not _RUN.fullmatch(run):
        raise ValueError(f"{run!r} is no run such as 20260301-093000-0011aabb")
    return f"wireroom.import.{run}"


class ImportControl:
    """The sender's side. ``cancel`` is called once; ``progress`` tells how many were acknowledged."""

    def __init__(self, cancel: Callable[[], None], progress: Callable[[], int], say: Callable[[str], None]) -> None:
        self.cancelled = False
        self._cancel, self._progress, self._say = cancel, progress, say
        self._going = asyncio.Event()
        self._going.set()

    async def listen(self, connection: Client, run: str) -> None:
        await connection.subscribe(subject(run), cb=self._answer)

    async def permit(self) -> None:
        """Return when the next submission may be sent: at once, or when the import is resumed or cancelled."""
        if not self._going.is_set():
            await self._going.wait()

    async def _answer(self, message: Msg) -> None:
        with suppress(ValueError):
            answer = self.obey(Order(message.data.decode()))
            if message.reply:
                await message.respond(json.dumps(answer).encode())

    def obey(self, order: Order) -> dict[str, Any]:
        """Do it, and return ``state`` and ``acknowledged``; what it is already it stays."""
        match order:
            case Order.PAUSE if self._going.is_set() and not self.cancelled:
                self._going.clear()
                self._say(f"paused by `wireroom import pause`; {self._progress()} acknowledged so far")
            case Order.RESUME if not self._going.is_set():
                self._going.set()
                self._say("resumed by `wireroom import resume`")
            case Order.CANCEL if not self.cancelled:
                self.cancelled = True
                self._cancel()
                self._going.set()
        state = "cancelled" if self.cancelled else "running" if self._going.is_set() else "paused"
        return {"state": state, "acknowledged": self._progress()}


async def ask(connection: Client, run: str, order: Order) -> dict[str, Any]:
    """Return the sender's ``state`` and ``acknowledged``.

    Raises NoRespondersError where nobody sends this import, ValueError where the run or the answer is none.
    """
    answer = await connection.request(subject(run), order.encode(), timeout=_TIMEOUT)
    found = json.loads(answer.data)
    return {"state": str(found["state"]), "acknowledged": int(found["acknowledged"])}
