"""Dead letters as the commands read, replay and drop them."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from shared.envelope import passed_on

STREAM = "DEAD"
REPLAYED = "wireroom-replayed-from"
_OURS = "wireroom-"
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Letter:
    """A message that was set aside: its place in DEAD, why, and its original bytes."""

    sequence: int
    at: datetime
    data: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def fact(self, name: str) -> str:
        """Return what was noted when it was set aside: service, reason, detail, subject, stream, attempts."""
        return self.headers.get(_OURS + name, "")


async def read(js: JetStreamContext, *, service: str | None = None, reason: str | None = None) -> AsyncIterator[Letter]:
    """Yield the letters that are there now, the oldest first."""
    try:
        left = (
            await js.stream_info(STREAM, subjects_filter=(subject := f"news.dead.{service or '*'}.{reason or '*'}"))
        ).state
    except NotFoundError:
        return
    wanted = sum((left.subjects or {}).values())
    if not wanted:
        return
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    reader = await js.subscribe(subject, stream=STREAM, ordered_consumer=True, config=config)
    try:
        for _ in range(wanted):
            yield _letter(await reader.next_msg(_TIMEOUT))
    except NatsTimeoutError:
        return  # letters were dropped or expired meanwhile
    finally:
        await reader.unsubscribe()


def _letter(message: Msg) -> Letter:
    place = message.metadata
    return Letter(place.sequence.stream, place.timestamp, message.data, dict(message.headers or {}))


async def get(js: JetStreamContext, sequence: int) -> Letter | None:
    """Return one letter by its place in DEAD."""
    try:
        found = await js.get_msg(STREAM, sequence)
    except NotFoundError:
        return None
    headers = dict(found.headers or {})
    at = datetime.fromisoformat(headers[f"{_OURS}at"])
    return Letter(sequence, at, found.data or b"", headers)


async def replay(js: JetStreamContext, letter: Letter) -> None:
    """Publish the original bytes where they came from and wait until the broker has them; the letter stays.

    The message id is made of the letter's: replaying it twice within the hour publishes it once.
    """
    headers = {k: v for k, v in passed_on(letter.headers).items() if not k.startswith(_OURS)}
    headers |= {"Nats-Msg-Id": f"replay:{letter.sequence}:{letter.at.timestamp()}", REPLAYED: str(letter.sequence)}
    await js.publish(
        letter.fact("subject"), letter.data, stream=letter.fact("stream"), timeout=_TIMEOUT, headers=headers
    )


async def drop(js: JetStreamContext, letter: Letter) -> None:
    """Delete a letter for good."""
    await js.delete_msg(STREAM, letter.sequence)


def origin(letter: Msg) -> int:
    """Return the place in INBOX of what was set aside: later messages carry it as their version."""
    headers = letter.headers or {}
    if headers.get("wireroom-stream") == "INBOX":
        return int(headers["wireroom-sequence"])
    return int(json.loads(letter.data)["version"])
