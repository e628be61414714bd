"""Advances the sequence of INBOX beyond every number it may have given, after the broker lost its data or was restored.

A version is a place in INBOX, so a broker that starts from the beginning, or from a backup, gives numbers again: what
is new looks older than what is stored, or like a repetition of something else.

What a backup brought back unread keeps its numbers, for that is what it is: it is ingested here and now. What was
published since the broker came back is put behind the new beginning. The one is told from the other by when INBOX
received it: before the last article that is stored, or after. Each step can be done again after a crash.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from services.ingest.app import app as ingest
from services.setup.stored_numbers import Known
from shared.broker import accounting
from shared.broker.accounting import Gap, Gaps, Moved
from shared.broker.envelope import accepted
from shared.broker.stream_reader import all_of
from shared.errors import Unavailable
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import INGEST, MAX_MESSAGE_BYTES

RESERVE = 10_000_000  # numbers left out: more than a broker that was lost can have given beyond what is stored
HELD = "INBOX_HELD"  # stream of submissions on their way behind the new beginning
_HELD_SUBJECT = "news.held.submitted"
_CLOSED = "news.closed.submitted"  # what INBOX listens to meanwhile: publishers are refused, and try again
_PLACE = "wireroom-held-place"
_SUBJECT = "wireroom-held-subject"  # the source that the broker knows is in it
_AT_ONCE = 64
_PATIENCE = 120.0  # seconds for what another process has in hand
_FETCH = 0.5
_ANSWER = 10.0  # seconds for one acknowledgement: a broker that has just started reads its streams first
_ROUNDING = timedelta(milliseconds=1)  # the database keeps no microseconds


@dataclass(frozen=True)
class Beginning:
    """INBOX ended at ``last`` and goes on above ``above``; what it received after ``received_at`` goes behind that."""

    last: int
    above: int
    known: Known | None
    received_at: datetime

    def __str__(self) -> str:
        cause = "the broker was given older data"
        if self.known and self.known.version > self.last:
            cause = f"{self.known.version} is stored: the broker lost its data or was given older data"
        return f"stream INBOX: last number {self.last} -> {self.above + RESERVE}, because {cause}"


async def last_number(js: JetStreamContext) -> int:
    """Return the last number that INBOX has given; 0 where there is none."""
    try:
        return (await js.stream_info(INGEST.stream)).state.last_seq
    except NotFoundError:
        return 0


async def beginning(
    js: JetStreamContext, known: Known | None, ended: int, *, restored: bool = False
) -> Beginning | None:
    """Return where INBOX has to go on, or None where it is ahead of what is stored.

    ``ended`` is its last number before setup touched it: once the stream is there, publishers may drive it beyond what
    is stored within milliseconds. ``restored``: somebody knows that the broker was given older data, of which nothing
    that is stored may tell.
    """
    stored = known.version if known else 0
    if ended >= stored and not restored:
        return None
    above = max(await last_number(js), stored)
    return Beginning(ended, above, known, known.received_at if known else datetime.min.replace(tzinfo=UTC))


async def renumber(js: JetStreamContext, start: Beginning | None, noted: tuple[Gap, ...], settings: Settings) -> None:
    """Let INBOX go on where it has to; after Unavailable it can be done again. ``noted`` are the gaps until now."""
    if start:
        await _listen(js, [_CLOSED])
        await _hold(js)
        await _empty(js, start, settings)
        await _raise(js, start, noted)
        await _listen(js, INGEST.subjects)
    await _release(js)


async def _listen(js: JetStreamContext, subjects: list[str]) -> None:
    config = (await js.stream_info(INGEST.stream)).config
    await js.update_stream(replace(config, subjects=subjects))


async def _hold(js: JetStreamContext) -> None:
    inbox = (await js.stream_info(INGEST.stream)).config
    await js.add_stream(
        StreamConfig(
            name=HELD,
            subjects=[_HELD_SUBJECT],
            max_msg_size=MAX_MESSAGE_BYTES + 1024,  # for the headers that say where it was
            storage=StorageType.FILE,
            num_replicas=inbox.num_replicas,
            duplicate_window=inbox.duplicate_window,
        )
    )


async def _empty(js: JetStreamContext, start: Beginning, settings: Settings) -> None:
    """Ingest what is older than the last stored article under its own number, and hold what is newer."""
    reader = await js.pull_subscribe_bind(INGEST.durable, INGEST.stream)
    untraced = settings.model_copy(update={"otlp_endpoint": None})  # `setup` sends no spans
    async with cast("Broker", ingest(untraced).broker) as broker:
        await broker.withdrawals.load(js)

        async def take(raw: Msg) -> None:
            if raw.metadata.timestamp <= start.received_at + _ROUNDING:
                await broker.process(raw)
            else:
                await _put_aside(js, raw)

        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while await _unanswered(js):
            with suppress(TimeoutError):
                await asyncio.gather(*(take(raw) for raw in await reader.fetch(_AT_ONCE, timeout=_FETCH)))
                deadline = asyncio.get_running_loop().time() + _PATIENCE
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("NATS stream INBOX", INGEST.durable, "another process does not answer what it has")
    await reader.unsubscribe()


async def _put_aside(js: JetStreamContext, raw: Msg) -> None:
    place = raw.metadata.sequence.stream
    # not the publisher's own message id: INBOX knows it, and would take the submission for a repetition
    ours = {_PLACE: str(place), _SUBJECT: raw.subject, "Nats-Msg-Id": f"held:{place}"}
    headers = accepted(raw.headers) | ours
    await js.publish(_HELD_SUBJECT, raw.data, stream=HELD, headers=headers)
    await raw.ack_sync(timeout=_ANSWER)


async def _unanswered(js: JetStreamContext) -> bool:
    info = await js.consumer_info(INGEST.stream, INGEST.durable)
    return bool(info.num_pending or info.num_ack_pending)


async def _raise(js: JetStreamContext, start: Beginning, noted: tuple[Gap, ...]) -> None:
    """Note which numbers are left out, then let INBOX, which is empty, go on behind them."""
    last = (await js.stream_info(INGEST.stream)).state.last_seq
    held = [int((message.headers or {})[_PLACE]) async for message in all_of(js, HELD, _HELD_SUBJECT)]
    first, after = min(held, default=last + 1), start.above + RESERVE + 1
    given = start.known.version if start.known else 0
    since = max(first, start.known.since) if start.known else first
    gap = Gap(first=first, since=since, known=max(given, first - 1), next=after, at=datetime.now(UTC))
    before = {each.next: each for each in (*noted, *await accounting.gaps(js))}
    gaps = sorted((before | {gap.next: gap}).values(), key=lambda each: each.next)
    await accounting.put(js, accounting.GAPS, Gaps(gaps=tuple(gaps)))
    await js.purge_stream(INGEST.stream, seq=gap.next)


async def _release(js: JetStreamContext) -> None:
    """Publish what was held in its order, note the new numbers, and delete the stream that held it."""
    moved = await accounting.moved(js)
    found = dict(moved)
    async for message in all_of(js, HELD, _HELD_SUBJECT):
        headers = dict(message.headers or {})
        place = int(headers.pop(_PLACE))
        subject = headers.pop(_SUBJECT, INGEST.subject)
        ids = {"Nats-Msg-Id": f"held:{place}"}
        ack = await js.publish(subject, message.data, stream=INGEST.stream, headers=accepted(headers) | ids)
        found[place] = ack.seq
    if found != moved:
        await accounting.put(js, accounting.MOVED, Moved(places=found))
    with suppress(NotFoundError):
        await js.delete_stream(HELD)
