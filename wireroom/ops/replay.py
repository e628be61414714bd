"""Replay: publishes raw articles of RAW again, behind new ones, chosen by source, time, id or a condition."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg
from nats.errors import BadHeaderError, MaxPayloadError
from nats.js import JetStreamContext
from pydantic import TypeAdapter

from services.store.documents import version_key
from shared.broker.envelope import REPLAY, accepted
from shared.broker.publish import PUBLISH_TIMEOUT
from shared.broker.stream_reader import all_of, get, place
from shared.broker.withdrawals import erase
from shared.messages import ArticleIngested, Source
from shared.topology import EXTRACT

STREAM = EXTRACT.stream
_IN_FRONT = EXTRACT.prefetch  # a new article waits for no more than these
_LOOK_EVERY = 16  # messages between two looks at how much is in front
_PAUSE = 0.2
_EVENT = re.compile(r"raw:(?P<id>[0-9a-f]{32}):(?P<version>.+)")

_SOURCE = TypeAdapter[str](Source)

Test = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class RawArticle:
    """A raw article that RAW still has, without its text."""

    sequence: int
    id: str
    version: int
    taken_at: datetime


async def raw_articles(js: JetStreamContext, source: str | None = None) -> list[RawArticle]:
    """Return the raw articles, by source if one is given, each version once, the oldest first."""
    subject = ArticleIngested.subject_pattern.format(source=source or "*")
    found = [item async for item in _headers(js, subject)]
    latest = {(item.id, item.version): item for item in found}
    return sorted(latest.values(), key=lambda item: item.version)


async def _headers(js: JetStreamContext, subject: str) -> AsyncIterator[RawArticle]:
    async for message in all_of(js, STREAM, subject):
        if found := _raw_article(message):
            yield found


def _raw_article(message: Msg) -> RawArticle | None:
    """Return the raw article; None for what others put there: at another subject, or with other headers than ours."""
    given = message.headers or {}
    event = _EVENT.fullmatch(given.get("ce-id", ""))
    version = place(event["version"]) if event else None
    try:
        _SOURCE.validate_python(message.subject.rpartition(".")[2])
        taken_at = datetime.fromisoformat(given.get("ce-time", ""))
    except ValueError:  # a ValidationError is one
        return None
    if event is None or version is None or taken_at.tzinfo is None:
        return None
    return RawArticle(message.metadata.sequence.stream, event["id"], version, taken_at)


async def replay(
    js: JetStreamContext, wanted: Collection[RawArticle], *, rate: float | None, progress: Callable[[], None]
) -> int:
    """Publish raw articles again behind new work, at most ``rate`` a second; return how many.

    A copy takes the original's place, so that RAW does not grow. Repeating an interrupted run is safe.
    """
    run, sent = secrets.token_hex(4), 0
    started = asyncio.get_running_loop().time()
    for number, item in enumerate(wanted):
        if number % _LOOK_EVERY == 0:
            await _until_little_is_in_front(js)
        if rate:
            await asyncio.sleep(started + number / rate - asyncio.get_running_loop().time())
        sent += await _send_again(js, item, run)
        progress()
    return sent


async def _send_again(js: JetStreamContext, item: RawArticle, run: str) -> int:
    """Return how many were sent: none of what left the stream meanwhile, or has headers that no client can send."""
    if (message := await get(js, STREAM, item.sequence)) is None:
        return 0
    headers = accepted(message.headers) | {"Nats-Msg-Id": f"replay:{run}:{item.sequence}", REPLAY: run}
    try:
        await js.publish(message.subject, message.data, stream=STREAM, timeout=PUBLISH_TIMEOUT, headers=headers)
    except (BadHeaderError, MaxPayloadError):
        return 0
    await erase(js, STREAM, item.sequence)
    return 1


async def _until_little_is_in_front(js: JetStreamContext) -> None:
    while True:
        info = await js.consumer_info(EXTRACT.stream, EXTRACT.durable)
        if (info.num_pending or 0) + (info.num_ack_pending or 0) <= _IN_FRONT:
            return
        await asyncio.sleep(_PAUSE)


FIELDS = ("pipeline.rules", "pipeline.model", "pipeline.wireroom", "language", "source", "entities_status")
_CONDITION = re.compile(r"\s*([a-z_.]+)\s*(<=|>=|!=|=|<|>)\s*(\S+|\"[^\"]*\")\s*")
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a >= b,
    ">": lambda a, b: a > b,
}


def condition(text: str) -> Test:
    """Read ``pipeline.rules < 2 and language = en``; versions compare by their numbers. Raises ValueError."""
    tests = [_one(part) for part in re.split(r"\s+and\s+", text.strip())]
    return lambda document: all(test(document) for test in tests)


def _one(text: str) -> Test:
    if not (match := _CONDITION.fullmatch(text)):
        raise ValueError(f"{text!r} is no condition such as pipeline.rules < 2")
    field, sign, value = match[1], match[2], version_key(match[3].strip('"'))
    if field not in FIELDS:
        raise ValueError(f"{field!r} cannot be asked for; these can: {', '.join(FIELDS)}")
    compare = _TESTS[sign]
    return lambda document: compare(version_key(_value(document, field)), value)


def _value(document: Mapping[str, Any], field: str) -> str:
    value: Any = document
    for name in field.split("."):
        value = (value or {}).get(name)
    return value or "none"


def matching(documents: Iterable[Mapping[str, Any]], test: Test) -> set[tuple[str, int]]:
    """Return id and version of the stored articles that meet a condition."""
    return {(document["_id"], document["version"]) for document in documents if test(document)}
