"""What `wireroom desk` and other desks ask a running desk over NATS: its state, a rebuild, a comparison with MongoDB.

Requests go to ``wireroom.desk.<name>.<verb>`` without a stream; answers are JSON objects.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from shared.errors import Unavailable

log = logging.getLogger(__name__)

STATE, REINDEX, CHECK = "state", "reindex", "check"
Verb = Callable[[], Awaitable[Mapping[str, Any]]]


def subject(name: str, verb: str) -> str:
    return f"wireroom.desk.{name}.{verb}"


class Control:
    """Answers requests; each in a task of its own, for a comparison takes seconds."""

    def __init__(self, name: str, verbs: Mapping[str, Verb]) -> None:
        self._name, self._verbs = name, verbs
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, connection: Client) -> None:
        """Answer requests for as long as the connection lives."""

        async def asked(message: Msg) -> None:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        await connection.subscribe(subject(self._name, "*"), cb=asked)

    async def _answer(self, message: Msg) -> None:
        verb = self._verbs.get(message.subject.rpartition(".")[2])
        try:
            answer = await verb() if verb else {"error": f"there is no {message.subject!r}"}
        except Exception as error:  # noqa: BLE001 - it is told to whoever asked
            log.warning("%s could not be answered: %s", message.subject, error)
            answer = {"error": f"{type(error).__name__}: {error}"}
        await message.respond(orjson.dumps({"v": 1, **answer}))


async def ask(connection: Client, name: str, verb: str, *, seconds: float) -> dict[str, Any]:
    """Ask a running desk; raises Unavailable where none of this name runs, or it does not answer in time."""
    try:
        reply = await connection.request(subject(name, verb), b"", timeout=seconds)
    except NoRespondersError:
        raise Unavailable("the desk", name, "none of this name runs on this broker") from None
    except TimeoutError:
        raise Unavailable("the desk", name, f"it did not answer within {seconds:g} s", unanswered=True) from None
    found: dict[str, Any] = orjson.loads(reply.data)
    return found
