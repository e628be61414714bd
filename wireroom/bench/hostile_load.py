"""Good articles and hostile messages through a stack at steady rates, and what became of the good ones."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from shared.broker.stream_reader import fields
from shared.messages import ArticleSubmitted
from wireroom.bench.raw_nats import Place, Publication, RawConnection, Refused

STORED = b"news.v1.stored.>"
_PATIENCE = 120.0  # seconds for what was in flight at the end
_PAUSE = 0.1

Taken = Callable[[Publication, Place | None], None]


@dataclass
class Tally:
    """``sent`` has when each good article was published, by its place in INBOX; ``delays`` the seconds until stored."""

    sent: dict[int, float] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    delays: dict[int, float] = field(default_factory=dict)
    hostile: Counter[str] = field(default_factory=Counter)  # by name
    refused: Counter[str] = field(default_factory=Counter)  # of these, by the broker

    @property
    def late(self) -> list[int]:
        """Return the good articles of which nothing was heard yet."""
        return sorted(self.sent.keys() - self.delays.keys())

    @property
    def median_ms(self) -> float:
        return round(1000 * statistics.median(self.delays.values()), 1) if self.delays else 0.0


class Siege:
    """``articles`` are the bytes of good submissions; ``taken`` is told where the broker put each hostile message."""

    def __init__(
        self,
        connection: RawConnection,
        articles: Iterator[bytes],
        taken: Taken | None = None,
        *,
        patience: float = _PATIENCE,
    ) -> None:
        self._connection, self._articles, self._taken = connection, articles, taken
        self._patience = patience
        self.stored: dict[int, float] = {}  # when each version was announced
        self._tally = Tally()
        connection.listen(STORED, self._heard)

    def _heard(self, _subject: bytes, data: bytes) -> None:
        version = fields(data).get("version")  # others may publish there
        if isinstance(version, int):
            self.stored.setdefault(version, time.monotonic())

    async def round(
        self, seconds: float, rate: float, hostile: Iterable[Publication] = (), hostile_rate: float = 1.0
    ) -> Tally:
        """Publish for so long; return what was seen once each good article is stored or patience is over.

        Rates are messages a second, whether the ones before are through or not.
        """
        self._tally = tally = Tally()
        good = [self._good for _ in range(int(seconds * rate))]
        bad = (lambda each=each: self._hostile(each) for each in islice(hostile, int(seconds * hostile_rate)))
        await asyncio.gather(_steadily(good, rate), _steadily(bad, hostile_rate))
        await self._settled(tally)
        return tally

    async def _good(self) -> None:
        data, began = next(self._articles), time.monotonic()
        publication = Publication("good", ArticleSubmitted.subject_pattern.encode(), data)
        place = (await self._connection.publish(publication)).sequence
        self._tally.sent[place], self._tally.data[place] = began, data

    async def _hostile(self, publication: Publication) -> None:
        self._tally.hostile[publication.name] += 1
        place = None
        try:
            place = await self._connection.publish(publication)
        except Refused:
            self._tally.refused[publication.name] += 1
        if self._taken:
            self._taken(publication, place)

    async def _settled(self, tally: Tally) -> None:
        deadline = time.monotonic() + self._patience
        while True:
            for place, began in tally.sent.items():
                if at := self.stored.get(place):
                    tally.delays[place] = at - began
            if not tally.late or time.monotonic() > deadline:
                return
            await asyncio.sleep(_PAUSE)


async def _steadily(steps: Iterable[Callable[[], Awaitable[None]]], rate: float) -> None:
    """Begin so many steps a second, and return once all are done; raises what one of them fails with."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, step in enumerate(steps):
            await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
            group.create_task(_awaited(step))


async def _awaited(step: Callable[[], Awaitable[None]]) -> None:
    await step()
