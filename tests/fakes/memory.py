"""The pipeline without servers: streams and articles in memory, behind the interfaces that services use."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from faststream import FastStream
from nats.aio.msg import Msg
from nats.js.api import PubAck

from services.ingest import app as ingest
from services.store.app import stored
from services.store.documents import Step, document, encode, step
from shared.broker.withdrawals import Withdrawn
from shared.errors import Rejected
from shared.messages import ArticleExtracted, ArticleStored, ArticleWithdrawn, Outcome
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import STORE
from tests.fakes.model import QUICK, Document, without_a_model
from wireroom.ops.dead_letter_queue import origins
from wireroom.testing.fake_broker import FakeCrashGuard, FakeMsg, metadata, prepared

ANSWERS: dict[Step, Outcome] = {
    Step.INSERT: "inserted",
    Step.REPLACE: "updated",
    Step.ADVANCE: "duplicate",
    Step.SKIP: "duplicate",
    Step.RENEW: "updated",
    Step.TO_HISTORY: "superseded",
}


class MemoryArticles:
    """The interface of the store's repository over dictionaries, by the store's own rules for one step."""

    def __init__(self) -> None:
        self.newest: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, dict[tuple[int, str], ArticleExtracted]] = {}
        self._withdrawn: dict[str, str] = {}

    async def prepare(self) -> None:
        """Nothing has to be made."""

    async def write(self, batch: Sequence[ArticleExtracted]) -> list[Outcome | Rejected | Withdrawn]:
        """Return one answer for each article; of one article in a batch, the oldest version is written first."""
        answers: dict[int, Outcome | Rejected | Withdrawn] = {}
        for number in sorted(range(len(batch)), key=lambda number: batch[number].version):
            answers[number] = self.write_one(batch[number])
        return [answers[number] for number in range(len(batch))]

    async def withdraw(self, event: ArticleWithdrawn) -> None:
        self._withdrawn.setdefault(event.id, event.reason)
        self.newest.pop(event.id, None)
        self.versions.pop(event.id, None)

    def write_one(self, article: ArticleExtracted) -> Outcome | Rejected | Withdrawn:
        try:
            encode(made := document(article))
        except Rejected as verdict:
            return verdict
        if article.id in self._withdrawn:
            return Withdrawn(self._withdrawn[article.id])
        what = step(article, self.newest.get(article.id))
        history = self.versions.setdefault(article.id, {})
        if what is Step.REPEAT:
            return "updated" if len(history) > 1 else "inserted"
        if what in {Step.INSERT, Step.REPLACE, Step.TO_HISTORY, Step.RENEW}:
            history.setdefault((article.version, article.content_hash), article)
        if what in {Step.INSERT, Step.REPLACE, Step.RENEW}:
            self.newest[article.id] = made
        if what is Step.ADVANCE:
            self.newest[article.id] |= {"version": article.version, "received_at": made["received_at"]}
        return ANSWERS[what]


@dataclass
class Stream:
    """Messages by their sequence; ``waiting`` are those whose reader has not answered."""

    messages: dict[int, FakeMsg] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, subject: str, data: bytes, headers: dict[str, str]) -> int:
        sequence = len(self.messages) + 1
        if (message_id := headers.get("Nats-Msg-Id")) and self.ids.setdefault(message_id, sequence) != sequence:
            return self.ids[message_id]
        self.messages[sequence] = Placed(name, sequence, subject, data, headers)
        self.waiting.append(sequence)
        return sequence


class Placed(FakeMsg):
    """A delivery of a message that has its place in a stream."""

    def __init__(self, stream: str, sequence: int, subject: str, data: bytes, headers: dict[str, str]) -> None:
        super().__init__(data, headers)
        self.subject = subject
        self._place = metadata(sequence, stream=stream, consumer="")

    def deliver_again(self) -> None:
        self._place = replace(self._place, num_delivered=self._place.num_delivered + 1)


class MemoryJetStream:
    """Takes what is published and drops what has an id that is there already."""

    def __init__(self) -> None:
        self.streams = {name: Stream() for name in ("INBOX", "RAW", "NEWS", "DEAD")}

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - the client's own interface
        stream: str = "",
        headers: dict[str, str] | None = None,
    ) -> PubAck:
        assert timeout, "the client's default of half a second reports false failures"
        return PubAck(stream=stream, seq=self.streams[stream].add(stream, subject, payload, dict(headers or {})))

    async def get_msg(self, stream: str, seq: int) -> FakeMsg:
        return self.streams[stream].messages[seq]


class MemoryPipeline:
    """The whole pipeline in one process; any delivery that waits may be the next."""

    def __init__(self) -> None:
        self._js, self._articles = MemoryJetStream(), MemoryArticles()
        guard, settings = FakeCrashGuard(), Settings()
        self.services = (
            prepared(ingest.app(settings, QUICK), self._js, guard),
            prepared(without_a_model(settings, QUICK), self._js, guard),
            prepared(self._store(settings), self._js, guard),
        )

    def _store(self, settings: Settings) -> FastStream:
        broker = Broker("store", settings, attempts=QUICK)

        @broker.subscriber(STORE)
        @broker.publisher(ArticleStored)
        async def store(article: ArticleExtracted) -> ArticleStored:
            [outcome] = await self._articles.write([article])
            assert isinstance(outcome, str), outcome
            return stored(article, outcome)

        return FastStream(broker)

    async def submit(self, data: bytes) -> int:
        return self._js.streams["INBOX"].add("INBOX", "news.v1.submitted", data, {})

    async def delivery(self, broker: Broker, choice: int) -> Msg | None:
        """Return any of the messages this service has not answered: redelivery and replicas mix their order."""
        stream, prefix = self._js.streams[broker.reads.stream], broker.reads.subject.rstrip(">")
        waiting = [place for place in stream.waiting if stream.messages[place].subject.startswith(prefix)]
        if not waiting:
            return None
        place = waiting[choice % len(waiting)]
        stream.waiting.remove(place)
        return stream.messages[place]

    async def give_back(self, raw: Msg) -> None:
        assert isinstance(raw, Placed)
        raw.deliver_again()
        self._js.streams[raw.metadata.stream].waiting.append(raw.metadata.sequence.stream)

    async def articles(self) -> dict[str, Document]:
        found = {}
        for key, newest in self._articles.newest.items():
            texts = frozenset(version.text for version in self._articles.versions[key].values())
            found[newest["guid"]] = Document(newest["version"], "\n\n".join(newest["paragraphs"]), texts)
        return found

    async def fates(self) -> dict[int, list[str]]:
        fates: dict[int, list[str]] = {}
        for message in self._js.streams["NEWS"].messages.values():
            if message.subject.startswith("news.v1.stored."):
                event = ArticleStored.model_validate_json(message.data)
                fates.setdefault(event.version, []).append(event.outcome)
        for message in self._js.streams["DEAD"].messages.values():
            [place] = origins(message)
            fates.setdefault(place, []).append((message.headers or {})["wireroom-reason"])
        return fates
