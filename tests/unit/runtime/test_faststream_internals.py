"""Each internal of FastStream that is used does what our parts take it for; an upgrade that changes one fails here."""

import inspect
from typing import Annotated, Any, cast

import pytest
from faststream import AckPolicy, Context, FastStream
from faststream.nats import NatsBroker
from faststream.nats.subscriber.usecases.stream_pull_subscriber import PullStreamSubscriber
from nats.js import JetStreamContext

from shared.broker.encoded import Encoded, ExtractedFacts, Undecoded
from shared.messages import ArticleExtracted, ArticleIngested, ArticleSubmitted
from shared.runtime.faststream_internals import inject, jetstream
from shared.runtime.middleware import Delivered
from shared.runtime.service import Broker
from shared.runtime.subscriber import ContinuousPullSubscriber
from shared.settings import Settings
from shared.topology import EXTRACT, INGEST, STORE
from wireroom.testing.factories import a_raw_article, a_submission, an_extracted_article
from wireroom.testing.fake_broker import FakeCrashGuard, FakeJetStream, FakeMsg, metadata, prepared


def a_broker() -> tuple[Broker, ContinuousPullSubscriber]:
    broker = Broker("ingest", Settings())
    subscriber = broker.subscriber(INGEST)

    @subscriber
    @broker.publisher(ArticleIngested)
    async def ingest(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
        return a_raw_article(guid=article.guid, version=delivery.sequence)

    return broker, subscriber


def test_a_subscriber_is_registered_with_its_broker_and_answers_nothing_itself() -> None:
    broker, subscriber = a_broker()
    assert list(broker.subscribers) == [subscriber]
    assert subscriber.ack_policy is AckPolicy.MANUAL
    assert subscriber.stream.name == "INBOX"
    assert not subscriber.stream.declare, "FastStream would rewrite the stream's limits"


def test_a_consumer_of_two_kinds_of_messages_filters_by_both_subjects() -> None:
    subscriber = Broker("store", Settings()).subscriber(STORE)
    assert subscriber.config.filter_subjects == ["news.v1.extracted.>", "news.v1.withdrawn.>"]


def test_what_is_overridden_is_there_to_be_overridden() -> None:
    assert inspect.iscoroutinefunction(NatsBroker._connect)  # noqa: SLF001 - what this test is about
    assert inspect.iscoroutinefunction(PullStreamSubscriber._create_subscription)  # noqa: SLF001 - the same
    assert "_connection_kwargs" in vars(NatsBroker("nats://127.0.0.1:1"))


def test_the_jetstream_context_is_the_one_that_the_connection_made() -> None:
    broker, _ = a_broker()
    js = cast("JetStreamContext", FakeJetStream())
    broker.config.connection_state.connect(cast("Any", object()), js)
    assert jetstream(broker) is js


async def test_a_message_goes_through_the_middlewares_the_handler_and_the_publisher() -> None:
    broker, subscriber = a_broker()
    data = a_submission(guid="a").model_dump_json().encode()
    js, raw = FakeJetStream(), FakeMsg(data, place=metadata(stream="INBOX"))
    raw.subject = "news.v1.submitted"
    prepared(FastStream(broker), js, FakeCrashGuard())
    subscriber.prepare()
    await subscriber.process_message(raw)
    [published] = js.published
    assert (published.subject, published.stream) == ("news.v1.raw.harbour-gazette", "RAW")
    assert published.headers["ce-type"] == "news.v1.raw"
    assert not {"correlation_id", "reply_to"} & published.headers.keys(), "headers of FastStream's own"
    assert ArticleIngested.model_validate_json(published.data).guid == "a"
    assert raw.answers == ["ack"]


async def test_parameters_are_injected_from_the_context_by_their_names() -> None:
    broker = Broker("ingest", Settings())
    broker.context.set_global("delivery", "place")
    broker.context.set_global("other", "named")

    async def handler(
        message: str, delivery: Annotated[str, Context()], renamed: Annotated[str, Context("other")]
    ) -> tuple[str, str, str]:
        return message, delivery, renamed

    assert await inject(lambda: broker.context)(handler)("body") == ("body", "place", "named")


def test_a_service_reads_one_consumer() -> None:
    broker, _ = a_broker()
    with pytest.raises(ValueError, match="reads ingest already"):
        broker.subscriber(STORE)


async def test_a_handler_of_bytes_is_given_them_unchecked_and_its_bytes_are_published() -> None:
    broker, article = Broker("extract", Settings()), an_extracted_article()
    subscriber = broker.subscriber(EXTRACT, decoded=False)
    seen: list[Undecoded] = []

    @subscriber
    @broker.publisher(ArticleExtracted)
    async def extract(message: Undecoded) -> Encoded:
        seen.append(message)
        return Encoded(ExtractedFacts.of(article), b"the bytes", ArticleExtracted)

    js, raw = FakeJetStream(), FakeMsg(b"no JSON", {"ce-type": "news.v1.raw", "x": "y"})
    prepared(FastStream(broker), js, FakeCrashGuard())
    subscriber.prepare()
    await subscriber.process_message(raw)
    assert seen == [Undecoded("harbour-gazette", {"ce-type": "news.v1.raw"}, b"no JSON")]
    [published] = js.published
    assert (published.subject, published.data, published.stream) == (article.subject, b"the bytes", "NEWS")
    assert published.headers["Nats-Msg-Id"] == f"extracted:{article.id}:{article.version}"
    assert raw.answers == ["ack"]
    [(address, channel)] = ((spec.address, spec) for spec in subscriber.schema().values())
    assert address == ArticleIngested.subject_pattern
    assert "ArticleIngested" in str(channel.operation.message.payload)
