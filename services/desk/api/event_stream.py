"""Server-sent events of NEWS: one subscription for all clients, a bounded queue for each, replay for who returns.

A client that reads slower than articles come is dropped; it comes back with ``Last-Event-ID`` and misses nothing that
the stream still has.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus

import orjson
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from shared.broker.envelope import accepted
from shared.broker.stream_reader import all_of
from shared.decoding import decode
from shared.errors import Rejected
from shared.http.problem_details import Problem
from shared.messages import ArticleExtracted, ArticleWithdrawn, Entity
from shared.topology import NEWS

log = logging.getLogger(__name__)

CLIENTS = 50
HEARTBEAT = 15.0  # seconds
_WAITING = 256  # events of one client
_EVERY = "news.v1.>"
_EXTRACTED, _WITHDRAWN = "news.v1.extracted.", "news.v1.withdrawn."
_ENTITIES = 5


@dataclass(frozen=True)
class EventFilter:
    """What a client wants; an empty set is everything. Withdrawals of its sources come whatever else it wants."""

    sources: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    agencies: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()  # LABEL:name, any of them

    def wants(self, article: ArticleExtracted | ArticleWithdrawn) -> bool:
        if self.sources and article.source not in self.sources:
            return False
        if isinstance(article, ArticleWithdrawn):
            return True
        if self.languages and article.language not in self.languages:
            return False
        if self.agencies and article.agency not in self.agencies:
            return False
        return not self.entities or bool(self.entities & _named(article.entities))


@dataclass(frozen=True)
class Event:
    """One message of NEWS, encoded once for all clients."""

    sequence: int
    article: ArticleExtracted | ArticleWithdrawn
    lines: bytes


class EventStream:
    """Reads NEWS while there are clients. Without a connection to the broker, ``js`` is None, joining answers 503."""

    def __init__(self, heartbeat: float = HEARTBEAT, waiting: int = _WAITING, clients: int = CLIENTS) -> None:
        self.js: JetStreamContext | None = None
        self.heartbeat, self._waiting, self._most = heartbeat, waiting, clients
        self._clients: set[Client] = set()
        self._subscription: JetStreamContext.PushSubscription | None = None
        self._changing = asyncio.Lock()

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def join(self, wanted: EventFilter, *, after: int | None = None) -> "Client":
        """Return a client that gets what comes from now on, or from behind a sequence; raises Problem."""
        retry = {"Retry-After": "10"}
        if self.js is None:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The desk is not connected to its broker.", retry)
        if len(self._clients) >= self._most:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{self._most} clients read the stream already.", retry)
        client = Client(self, wanted, after, self._waiting)
        self._clients.add(client)
        try:
            await self._follow()
        except (NatsError, TimeoutError) as error:
            await self.leave(client)
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"NATS does not answer: {error}", retry) from None
        return client

    async def leave(self, client: "Client") -> None:
        """Forget a client; after the last one NEWS is read no more."""
        self._clients.discard(client)
        async with self._changing:
            if not self._clients and self._subscription:
                subscription, self._subscription = self._subscription, None
                with suppress(NatsError):
                    await subscription.unsubscribe()

    async def _follow(self) -> None:
        async with self._changing:
            if self._subscription is None and self.js:
                config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
                self._subscription = await self.js.subscribe(
                    _EVERY, stream=NEWS, ordered_consumer=True, config=config, cb=self._arrived
                )

    async def _arrived(self, message: Msg) -> None:
        if event := event_of(message):
            for client in tuple(self._clients):
                client.offer(event)


class Client:
    """One reader of the stream."""

    def __init__(self, stream: EventStream, wanted: EventFilter, after: int | None, waiting: int) -> None:
        self._stream, self._wanted, self._after = stream, wanted, after
        self._queue: asyncio.Queue[Event] = asyncio.Queue(waiting)
        self._sent = after or 0
        self.dropped = False

    def offer(self, event: Event) -> None:
        """Put an event into the queue; a client whose queue is full is dropped."""
        if self._wanted.wants(event.article):
            try:
                self._queue.put_nowait(event)
            except asyncio.QueueFull:
                self.dropped = True

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the lines of its events, and a comment where none came for a while."""
        try:
            yield b"retry: 3000\n\n"
            if self._after is not None:
                async with aclosing(self._missed(self._after)) as missed:
                    async for event in missed:
                        yield event.lines
            while not self.dropped:
                try:
                    event = await asyncio.wait_for(self._queue.get(), self._stream.heartbeat)
                except TimeoutError:
                    yield b": nothing new\n\n"
                    continue
                if event.sequence > self._sent:
                    self._sent = event.sequence
                    yield event.lines
            log.info("a client of the event stream read too slowly and was dropped")
        finally:
            await self._stream.leave(self)

    async def _missed(self, after: int) -> AsyncGenerator[Event, None]:
        """Yield what came while the client was away; what comes meanwhile waits in its queue."""
        assert self._stream.js is not None  # noqa: S101 - it joined
        async with aclosing(all_of(self._stream.js, NEWS, _EVERY, first=after + 1)) as messages:
            async for message in messages:
                event = event_of(message)
                if event and self._wanted.wants(event.article):
                    self._sent = event.sequence
                    yield event


def event_of(message: Msg) -> Event | None:
    """Return a message as an event; None for one that tells no article, or is none."""
    if message.subject.startswith(_EXTRACTED):
        model: type[ArticleExtracted | ArticleWithdrawn] = ArticleExtracted
    elif message.subject.startswith(_WITHDRAWN):
        model = ArticleWithdrawn
    else:
        return None
    try:
        article = decode(message.data, model, accepted(message.headers))
    except Rejected:
        return None
    sequence = message.metadata.sequence.stream
    data = orjson.dumps(_facts(article))
    return Event(sequence, article, b"id: %d\nevent: %b\ndata: %b\n\n" % (sequence, article.event.encode(), data))


def _facts(article: ArticleExtracted | ArticleWithdrawn) -> dict[str, object]:
    names = ("id", "version", "source", "received_at")
    if isinstance(article, ArticleWithdrawn):
        return {"v": 1, **{name: getattr(article, name) for name in names}}
    more = ("title", "language", "agency", "url", "published_at")
    salient = sorted(article.entities, key=lambda entity: -entity.salience)[:_ENTITIES]
    return {
        "v": 1,
        **{name: getattr(article, name) for name in (*names, *more)},
        "date": (article.published_at or article.received_at).astimezone(UTC),
        "length": len(article.text),
        "entities": [{"label": each.label, "name": each.name, "count": each.count} for each in salient],
    }


def _named(entities: tuple[Entity, ...]) -> frozenset[str]:
    return frozenset(f"{entity.label}:{entity.name}" for entity in entities)
