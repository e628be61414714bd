"""OpenTelemetry traces: one trace per article through all services, continuing the publisher's ``traceparent``.

Imported only where ``WIREROOM_OTLP_ENDPOINT`` is set; needs the extra ``tracing``. FastStream's middleware makes the
spans ``process`` and ``publish``; what is added below ``process`` is ours. Spans are named after subject patterns and
steps, and hold no text.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from faststream import BaseMiddleware, ContextRepo
from faststream.message import StreamMessage
from faststream.nats.opentelemetry.provider import NatsTelemetrySettingsProvider
from faststream.opentelemetry.consts import MESSAGING_DESTINATION_PUBLISH_NAME
from faststream.opentelemetry.middleware import TelemetryMiddleware
from nats.aio.msg import Msg
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared.observability.add_span import AddSpan
from shared.topology import Consumer, pattern_of

QUEUE_WAIT = "queue wait"  # from when the stream took the message to when work on it began
ARTICLES = "wireroom.batch.articles"  # attribute of a span of several articles' work: how many they are


def exporting(service: str, endpoint: str) -> TracerProvider:
    """Return what sends spans to a collector, in batches from a thread of its own."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"wireroom-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    return provider


def adding(provider: TracerProvider) -> AddSpan:
    """Return what adds a span below the current one, which inside a handler is that of its message."""
    tracer = provider.get_tracer("wireroom")

    def add(name: str, began: int, ended: int, articles: int = 1) -> None:
        attributes = {ARTICLES: articles} if articles > 1 else None
        tracer.start_span(name, start_time=began, attributes=attributes).end(max(began, ended))

    return add


def middlewares(provider: TracerProvider, add_span: AddSpan, reads: Sequence[Consumer]) -> tuple[Any, ...]:
    """Return the middlewares that trace, to be the outermost of a broker."""
    patterns = _Patterns(reads)
    spans = TelemetryMiddleware(settings_provider_factory=lambda _message: patterns, tracer_provider=provider)
    return spans, partial(_QueueWait, add_span=add_span)


class _Patterns(NatsTelemetrySettingsProvider):
    """FastStream's facts of a message, with the pattern of its subject in place of the subject."""

    __slots__ = ("_reads",)

    def __init__(self, reads: Sequence[Consumer]) -> None:
        super().__init__()
        self._reads = reads

    def get_consume_attrs_from_message(self, msg: StreamMessage[Msg]) -> dict[str, Any]:
        found = super().get_consume_attrs_from_message(msg)
        kept = {key: value for key, value in found.items() if value is not None}
        return kept | {MESSAGING_DESTINATION_PUBLISH_NAME: self.get_consume_destination_name(msg)}

    def get_consume_destination_name(self, msg: StreamMessage[Msg]) -> str:
        return pattern_of(self._reads, msg.raw_message.metadata.stream, msg.raw_message.subject)


class _QueueWait(BaseMiddleware[Any, Msg | None]):
    """Adds how long a message waited in its stream, as a span beside the work on it."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, add_span: AddSpan) -> None:
        super().__init__(msg, context=context)
        self._add_span = add_span

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:  # noqa: ANN401 - as FastStream has it
        stored_at = int(msg.raw_message.metadata.timestamp.timestamp() * 1e9)
        self._add_span(QUEUE_WAIT, stored_at, time.time_ns())
        return await call_next(msg)
