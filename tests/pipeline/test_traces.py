"""One article's trace, as a collector receives it from the three services over OTLP/HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from nats.aio.client import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared.messages import ArticleSubmitted
from shared.settings import Settings
from tests.running import everything, read, running
from wireroom.testing.factories import a_submission

TRACE_ID, PUBLISHERS_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RAW, EXTRACTED = "news.v1.raw.{source}", "news.v1.extracted.{language}.{source}"
STEPS = {  # of each service; all of them are children of its span "process"
    "ingest": ("news.v1.submitted process", {"queue wait", f"{RAW} publish"}),
    "extract": (f"{RAW} process", {"queue wait", "batch wait", "clean", "tag", "merge", f"{EXTRACTED} publish"}),
    "store": (
        f"{EXTRACTED} process",
        {"queue wait", "batch wait", "write", "news.v1.stored.{language}.{source} publish"},
    ),
}


class Collector(HTTPServer):
    """Takes what OpenTelemetry's exporter posts; ``spans`` has each span with the service that it came from."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Export)
        self.spans: list[tuple[str, Span]] = []


class _Export(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {pair.key: pair.value.string_value for pair in of_service.resource.attributes}
            for scope in of_service.scope_spans:
                self.server.spans += [(names["service.name"], span) for span in scope.spans]
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


async def test_one_article_is_one_trace_from_its_publisher_to_the_write_of_the_store(
    broker: Client, settings: Settings
) -> None:
    with collecting() as collector:
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        traced = settings.model_copy(update={"otlp_endpoint": endpoint})
        async with running(*everything(), settings=traced):
            headers = {"traceparent": f"00-{TRACE_ID}-{PUBLISHERS_SPAN}-01"}
            data = a_submission(language="en").model_dump_json().encode()
            await broker.jetstream().publish(ArticleSubmitted.subject_pattern, data, stream="INBOX", headers=headers)
            await read(broker, "NEWS", "news.v1.stored.>", 1)
    # services that have stopped have exported every span
    assert {span.trace_id.hex() for _, span in collector.spans} == {TRACE_ID}
    assert len({span.span_id for _, span in collector.spans}) == len(collector.spans)
    for service, (name, steps) in STEPS.items():
        spans = {span.name: span for of, span in collector.spans if of == f"wireroom-{service}"}
        assert len(spans) == sum(of == f"wireroom-{service}" for of, _ in collector.spans), "each of them once"
        process = spans.pop(name)
        assert process.parent_span_id.hex() == PUBLISHERS_SPAN
        assert {span.name: span.parent_span_id for span in spans.values()} == dict.fromkeys(steps, process.span_id)
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in (process, *spans.values()))
        worked = [spans[step] for step in ("batch wait", "clean", "tag", "merge", "write") if step in spans]
        moments = [moment for span in worked for moment in (span.start_time_unix_nano, span.end_time_unix_nano)]
        moments = [process.start_time_unix_nano, *moments, process.end_time_unix_nano]
        assert moments == sorted(moments), "one step after the other, within the work on the message"
    assert {of for of, _ in collector.spans} == {f"wireroom-{service}" for service in STEPS}
