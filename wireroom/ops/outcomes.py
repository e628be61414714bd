"""What became of submissions: the stored events and the dead letters that carry their places in INBOX."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from pydantic import ValidationError

from shared.messages import ArticleStored, ArticleWithdrawn
from wireroom.ops.dead_letter_queue import origins

DEAD_LETTERED = "dead-lettered"
WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class SubmissionOutcome:
    """``outcome`` is the store's word, WITHDRAWN or DEAD_LETTERED; ``reason`` says why of the last two."""

    outcome: str
    id: str | None = None
    language: str | None = None
    reason: str | None = None


async def ends(js: JetStreamContext) -> dict[str, int]:
    """Return where the streams that tell outcomes end now: nothing before it is of what is published from now on."""
    return {stream: (await js.stream_info(stream)).state.last_seq for stream in ("NEWS", "DEAD")}


async def follow(
    js: JetStreamContext,
    places: Collection[int],
    *,
    patience: float,
    progress: Callable[[int], None],
    after: Mapping[str, int] | None = None,
) -> dict[int, SubmissionOutcome]:
    """Return the outcome of each submission by its place in INBOX.

    What has none is not in it, once nothing more came for so many seconds. ``after``: what the streams held before.
    """
    found: dict[int, SubmissionOutcome] = {}
    came = asyncio.Event()

    def settle(place: int, outcome: SubmissionOutcome) -> None:
        if place in places:
            found[place] = outcome
            progress(len(found))
            came.set()

    async def stored(message: Msg) -> None:
        with suppress(ValidationError):  # of others
            event = ArticleStored.model_validate_json(message.data)
            settle(event.version, SubmissionOutcome(event.outcome, event.id, event.language))

    async def withdrawn(message: Msg) -> None:
        with suppress(ValidationError):
            event = ArticleWithdrawn.model_validate_json(message.data)
            settle(event.version, SubmissionOutcome(WITHDRAWN, event.id, reason=event.reason))

    async def dead(message: Msg) -> None:
        headers = message.headers or {}
        reason = f"{headers.get('wireroom-reason')}: {headers.get('wireroom-detail')}"
        for place in origins(message):
            settle(place, SubmissionOutcome(DEAD_LETTERED, reason=reason))

    readers = [
        await js.subscribe(subject, stream=stream, cb=read, ordered_consumer=True, config=_from(after, stream))
        for stream, subject, read in (
            ("NEWS", "news.v1.stored.>", stored),
            ("NEWS", "news.v1.withdrawn.>", withdrawn),
            ("DEAD", "news.dead.>", dead),
        )
    ]
    with suppress(TimeoutError):
        while len(found) < len(places):
            await asyncio.wait_for(came.wait(), patience)
            came.clear()
    for reader in readers:
        await reader.unsubscribe()
    return found


def _from(after: Mapping[str, int] | None, stream: str) -> ConsumerConfig:
    """Return a config of its own for each reader: the client writes into it."""
    if not after:
        return ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    return ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after[stream] + 1)
