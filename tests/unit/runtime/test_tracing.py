"""One trace for an article through a service, continued from its publisher and carried to the next."""

from faststream import FastStream
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.messages import ArticleIngested, ArticleSubmitted
from shared.observability.tracing import QUEUE_WAIT
from shared.runtime.middleware import Delivered
from shared.runtime.service import Broker
from shared.settings import Settings
from shared.topology import INGEST
from wireroom.testing.factories import a_raw_article, a_submission
from wireroom.testing.fake_broker import FakeCrashGuard, FakeJetStream, FakeMsg, metadata, prepared

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def test_the_publishers_trace_is_continued_and_every_span_has_its_parent() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    broker, js = Broker("ingest", Settings(), tracer=provider), FakeJetStream()

    @broker.subscriber(INGEST)
    @broker.publisher(ArticleIngested)
    async def ingest(article: ArticleSubmitted, delivery: Delivered) -> ArticleIngested:
        return a_raw_article(guid=article.guid, version=delivery.sequence)

    prepared(FastStream(broker), js, FakeCrashGuard())
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
    raw = FakeMsg(a_submission().model_dump_json().encode(), headers, place=metadata(stream="INBOX"))
    raw.subject = "news.v1.submitted"
    await broker.process(raw)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    process = spans["news.v1.submitted process"]
    wait, publish = spans[QUEUE_WAIT], spans["news.v1.raw.{source} publish"]
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {TRACE_ID}
    assert process.parent is not None
    assert f"{process.parent.span_id:016x}" == SPAN_ID
    assert [span.parent and span.parent.span_id for span in (wait, publish)] == [process.context.span_id] * 2
    assert js.published[0].headers["traceparent"].split("-")[1] == TRACE_ID


def test_nothing_is_traced_unless_a_collector_is_named() -> None:
    off, on = Broker("x", Settings()), Broker("x", Settings(), tracer=TracerProvider())
    assert len(off.middlewares) + 2 == len(on.middlewares)
    assert off.add_span is None
    assert on.add_span is not None
