"""A model of the pipeline: what must hold whatever is published, delivered in any order, or dies in between.

The machine takes steps that hypothesis chooses and compares the pipeline with a few lines of plain bookkeeping.
It runs the services' own shell (decoding, publishing, answering) on a broker in memory and on the real one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from faststream import BaseMiddleware, ContextRepo, FastStream
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from nats.aio.msg import Msg

from shared.messages import ArticleExtracted, ArticleIngested, ArticleSubmitted, Pipeline
from shared.runtime.delivery import Attempts
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import EXTRACT
from wireroom.testing.factories import PIPELINE, a_submission

T = TypeVar("T")

GUIDS = ("lock", "ferry", "market")
TEXTS = ("The lock at Tidewell is open.", "The lock at Tidewell is closed.", "Nobody knows who has the key.")
REFUSED = {b"{": "not_json", b"{}": "schema", b'{"source":"tide-times","body":" "}': "empty_body"}
DEATHS = 2  # of one message: at the third it is taken for what kills its worker


class Died(BaseException):
    """The process ended here."""


@dataclass(frozen=True)
class Document:
    """What the database has of one article; ``texts`` also holds those of its history."""

    version: int
    text: str
    texts: frozenset[str]


class Driven(Protocol):
    """What the machine drives: streams to publish to and to take deliveries from, and what came of it."""

    services: tuple[FastStream, FastStream, FastStream]

    async def submit(self, data: bytes) -> int: ...
    async def delivery(self, broker: Broker, choice: int) -> Msg | None: ...
    async def give_back(self, raw: Msg) -> None: ...
    async def articles(self) -> dict[str, Document]: ...
    async def fates(self) -> dict[int, list[str]]: ...


def without_a_model(
    settings: Settings, attempts: Attempts | None = None, *, pipeline: Pipeline = PIPELINE
) -> FastStream:
    """Make extract as far as messages go: the body is the text."""
    broker = Broker("extract", settings, attempts=attempts)

    @broker.subscriber(EXTRACT)
    @broker.publisher(ArticleExtracted)
    async def extract(raw: ArticleIngested) -> ArticleExtracted:
        kept = {name: value for name, value in raw if name in ArticleExtracted.model_fields}
        return ArticleExtracted(**(kept | {"language": "en", "paragraphs": (raw.body,), "pipeline": pipeline}))

    return FastStream(broker)


class Point(BaseMiddleware[Any, Any]):
    """Innermost middleware of a service: calls ``reached`` after the handler and after publishing."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, reached: Callable[[str], None]) -> None:
        super().__init__(msg, context=context)
        self._reached = reached

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: Any) -> Any:  # noqa: ANN401 - as FastStream has it
        result = await call_next(msg)
        self._reached("before publishing")
        return result

    async def publish_scope(self, call_next: Callable[[Any], Awaitable[Any]], cmd: Any) -> Any:  # noqa: ANN401 - as FastStream has it
        ack = await call_next(cmd)
        self._reached("before answering")
        return ack


class Machine(RuleBasedStateMachine):
    """Publishes, works and dies; at the end everything is drained and has to add up."""

    def open(self) -> AbstractAsyncContextManager[Driven]:
        """Return a pipeline with nothing in it."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._open = AsyncExitStack()
        self.pipeline = self._run(self._open.enter_async_context(self.open()))
        self.dies: str | None = None
        self.brokers = [self._run(self._opened(service)) for service in self.pipeline.services]
        self.accepted: dict[str, list[tuple[int, str]]] = {}
        self.refused: dict[int, str] = {}
        self.seen: dict[str, int] = {}
        self.deaths: dict[tuple[str, int], int] = {}

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _opened(self, service: FastStream) -> Broker:
        broker = cast("Broker", service.broker)
        broker.add_middleware(partial(Point, reached=self._reached))
        if broker.service != "ingest":  # its lifespan opens only another door
            await self._open.enter_async_context(service.lifespan_context())
        return broker

    def _reached(self, point: str) -> None:
        if point == self.dies:
            raise Died

    @rule(guid=st.sampled_from(GUIDS), text=st.sampled_from(TEXTS))
    def publish(self, guid: str, text: str) -> None:
        place = self._run(self.pipeline.submit(_bytes(a_submission(guid=guid, body=text))))
        self.accepted.setdefault(guid, []).append((place, text))

    @rule(data=st.sampled_from(sorted(REFUSED)))
    def publish_rubbish(self, data: bytes) -> None:
        self.refused[self._run(self.pipeline.submit(data))] = REFUSED[data]

    @precondition(lambda self: self.accepted)
    @rule(
        stage=st.integers(0, 2),
        choice=st.integers(0, 50),
        dies=st.sampled_from([None, None, "before publishing", "before answering"]),
    )
    def work(self, stage: int, choice: int, dies: str | None) -> None:
        self._run(self._work(self.brokers[stage], choice, dies))

    @precondition(lambda self: self.accepted)
    @rule(stages=st.integers(1, 2))
    def fill(self, stages: int) -> None:
        """Bring everything before the last stages, where otherwise little of a short history would meet."""
        self._run(self._drain(stages))

    async def _work(self, broker: Broker, choice: int, dies: str | None) -> bool:
        """Work on one delivery; dying gives it back as the broker does after the process is gone."""
        if (raw := await self.pipeline.delivery(broker, choice)) is None:
            return False
        name = (broker.service, raw.metadata.sequence.stream)
        self.dies = None if self.deaths.get(name, 0) == DEATHS else dies
        try:
            await broker.process(raw)
        except Died:
            self.deaths[name] = self.deaths.get(name, 0) + 1
            await self.pipeline.give_back(raw)
        return True

    @invariant()
    def no_article_goes_back(self) -> None:
        for guid, document in self._run(self.pipeline.articles()).items():
            assert document.version >= self.seen.get(guid, 0), guid
            self.seen[guid] = document.version

    def teardown(self) -> None:
        try:
            self._run(self._drain())
            self._check(self._run(self.pipeline.articles()), self._run(self.pipeline.fates()))
        finally:
            self._run(self._open.aclose())
            self._runner.close()

    async def _drain(self, stages: int = 3) -> None:
        for broker in self.brokers[:stages]:
            while await self._work(broker, 0, None):
                pass

    def _check(self, articles: dict[str, Document], fates: dict[int, list[str]]) -> None:
        """Every place has a fate, the newest version is what is stored, and no text that was accepted is lost."""
        accepted = {place for history in self.accepted.values() for place, _ in history}
        assert fates.keys() == accepted | self.refused.keys()
        assert {place: fates[place] for place in self.refused} == {p: [reason] for p, reason in self.refused.items()}
        outcomes = {"inserted", "updated", "duplicate", "superseded"}
        assert all(set(fates[place]) <= outcomes for place in accepted)
        assert articles.keys() == self.accepted.keys()
        for guid, history in self.accepted.items():
            assert (articles[guid].version, articles[guid].text) == max(history)
            newest = {place for place, text in history if text == articles[guid].text}
            assert {outcome for place in newest for outcome in fates[place]} & {"inserted", "updated"}, "unannounced"
            texts = {text for _, text in history}
            assert articles[guid].texts == texts
            if len(texts) == 1:
                assert {outcome for place, _ in history for outcome in fates[place]} <= {"inserted", "duplicate"}


def _bytes(article: ArticleSubmitted) -> bytes:
    return article.model_dump_json().encode()


QUICK = Attempts(first_delay=0.0)  # answers that wait for nothing
