"""A property of each running service: whatever comes between them, all good messages come through, and in time.

The hostile ones are drawn from a seed, which a failed test's name tells; `wireroom bench hostile` goes on for minutes.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pytest
from nats.aio.client import Client

from shared.messages import Message
from shared.runtime.run import load
from shared.settings import Settings
from shared.topology import CONSUMERS
from tests.running import idle, running
from wireroom.bench.hostile_messages import hostile
from wireroom.bench.raw_nats import Publication, RawConnection, Refused, connected
from wireroom.testing.factories import a_raw_article, a_submission, an_extracted_article

HOSTILE = 120
GOOD = 40
IN_TIME = 120.0  # seconds after the last message, hostile or good


@dataclass(frozen=True)
class Stage:
    """A service: what is published to it, good and hostile, and where its results are."""

    service: str
    good: Callable[[int], Message]
    targets: tuple[str, ...]
    results: bytes


STAGES = (
    Stage("ingest", lambda n: a_submission(guid=f"good-{n}"), ("submission",) * 4, b"news.v1.raw.harbour-gazette"),
    Stage(
        "extract",
        lambda n: a_raw_article(guid=f"good-{n}", version=n + 1),
        ("raw",) * 4,
        b"news.v1.extracted.*.harbour-gazette",
    ),
    Stage(
        "store",
        lambda n: an_extracted_article(guid=f"good-{n}", version=n + 1),
        ("extracted", "extracted", "withdrawn", "stored"),
        b"news.v1.stored.*.harbour-gazette",
    ),
)


class Heard:
    """The good messages whose results came; a submission is known by its guid, what follows it by its id."""

    def __init__(self, wanted: set[str]) -> None:
        self._wanted, self.all = wanted, asyncio.Event()

    def note(self, _subject: bytes, data: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):  # others may publish there
            said = json.loads(data)
            self._wanted -= {said.get("guid"), said["id"]}
        if not self._wanted:
            self.all.set()

    @property
    def missing(self) -> list[str]:
        return sorted(self._wanted)


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.service)
async def test_all_good_messages_come_through_whatever_is_between_them(
    stage: Stage, seed: int, broker: Client, settings: Settings
) -> None:
    chance = Random(seed)
    good = [stage.good(number) for number in range(GOOD)]
    heard = Heard({str(getattr(message, "id", None) or message.guid) for message in good})  # type: ignore[attr-defined] # each of these has one
    messages = [Publication("good", m.subject.encode(), m.model_dump_json().encode()) for m in good]
    messages += [hostile(chance, chance.choice((*stage.targets, "bucket"))) for _ in range(HOSTILE)]
    chance.shuffle(messages)
    service = load(stage.service)
    async with connected(settings.nats_url) as connection, running(service, settings=settings):
        connection.listen(stage.results, heard.note)
        await publish(connection, messages)
        with suppress(TimeoutError):
            await asyncio.wait_for(heard.all.wait(), IN_TIME)
        assert heard.missing == []
        [reads] = [consumer for consumer in CONSUMERS if consumer.durable == stage.service]
        await idle(broker, reads.stream, reads.durable)


async def publish(connection: RawConnection, messages: list[Publication]) -> None:
    """Publish one after the other; the broker may refuse what is hostile, and must take what is good."""
    for message in messages:
        try:
            await connection.publish(message)
        except Refused:
            assert message.name != "good"
