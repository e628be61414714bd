"""A model of the pipeline: what must hold whatever is published, delivered in any order, or dies in between.

The machine takes steps that hypothesis chooses and compares the pipeline with a few lines of plain bookkeeping.
It runs the services' own shell (decoding, publishing, answering) on a broker in memory and on the real one.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from nats.aio.msg import Msg

from services.ingest.app import service as ingest
from shared.broker.withdrawals import Withdrawals
from shared.messages import ArticleExtracted, ArticleIngested, ArticleSubmitted, Pipeline
from shared.runtime.delivery import Desk, settle
from shared.runtime.service import Delivery, Handler, Service, handle
from shared.settings import Settings
from shared.topology import EXTRACT
from tests.factories import PIPELINE, a_submission

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

    services: tuple[Service, Service, Service]
    settings: Settings

    def desk(self, service: Service) -> Desk: ...
    async def submit(self, data: bytes) -> int: ...
    async def delivery(self, service: Service, choice: int) -> Msg | None: ...
    async def give_back(self, raw: Msg) -> None: ...
    async def articles(self) -> dict[str, Document]: ...
    async def fates(self) -> dict[int, list[str]]: ...


def without_a_model(pipeline: Pipeline = PIPELINE) -> Service:
    """Return extract as far as messages go: the body is the text."""

    async def extract(raw: ArticleIngested, _delivery: Delivery) -> ArticleExtracted:
        kept = {name: value for name, value in raw if name in ArticleExtracted.model_fields}
        return ArticleExtracted(**(kept | {"language": "en", "paragraphs": (raw.body,), "pipeline": pipeline}))

    @asynccontextmanager
    async def open_handler(_settings: Settings) -> AsyncIterator[Handler]:
        yield extract

    return Service("extract", reads=EXTRACT, writes="NEWS", open_handler=open_handler)


INGEST = ingest


class Machine(RuleBasedStateMachine):
    """Publishes, works and dies; at the end everything is drained and has to add up."""

    def open(self) -> AbstractAsyncContextManager[Driven]:
        """Return a pipeline with nothing in it."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self.withdrawals = Withdrawals()
        self._open = AsyncExitStack()
        self.pipeline = self._run(self._open.enter_async_context(self.open()))
        self.handlers = {s.name: self._run(self._opened(s)) for s in self.pipeline.services}
        self.accepted: dict[str, list[tuple[int, str]]] = {}
        self.refused: dict[int, str] = {}
        self.seen: dict[str, int] = {}
        self.deaths: dict[tuple[str, int], int] = {}

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _opened(self, service: Service) -> Handler:
        return await self._open.enter_async_context(service.open_handler(self.pipeline.settings))

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
        self._run(self._work(self.pipeline.services[stage], choice, dies))

    @precondition(lambda self: self.accepted)
    @rule(stages=st.integers(1, 2))
    def fill(self, stages: int) -> None:
        """Bring everything before the last stages, where otherwise little of a short history would meet."""
        self._run(self._drain(stages))

    async def _work(self, service: Service, choice: int, dies: str | None) -> bool:
        """Work on one delivery; dying gives it back as the broker does after the process is gone."""
        if (raw := await self.pipeline.delivery(service, choice)) is None:
            return False
        name = (service.name, raw.metadata.sequence.stream)
        if dies and self.deaths.get(name, 0) == DEATHS:
            dies = None
        desk = self.pipeline.desk(service)

        async def handler(article: Any, delivery: Delivery) -> Any:  # noqa: ANN401 - each stage has its own messages
            result = await self.handlers[service.name](article, delivery)
            if dies == "before publishing":
                raise Died
            return result

        async def work() -> None:
            await handle(raw, service, handler, desk.js, self.withdrawals)
            if dies == "before answering":
                raise Died

        try:
            await settle(raw, work, desk)
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
        for service in self.pipeline.services[:stages]:
            while await self._work(service, 0, None):
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


def quick(service: Service) -> Service:
    """The service with answers that wait for nothing."""
    return replace(service, attempts=replace(service.attempts, first_delay=0.0))
