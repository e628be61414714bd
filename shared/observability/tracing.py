"""OpenTelemetry traces: one trace per article through all services, continuing the publisher's ``traceparent``.

Imported only where ``WIREROOM_OTLP_ENDPOINT`` is set; needs the extra ``tracing``. FastStream's middleware makes the
spans ``process`` and ``publish``; ``queue wait`` is ours. Spans are named after subject patterns, and hold no text.
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

from shared.topology import Consumer, pattern_of

QUEUE_WAIT = "queue wait"  # from when the stream took the message to when work on it began


def exporting(service: str, endpoint: str) -> TracerProvider:
    """Return what sends spans to a collector, in batches from a thread of its own."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"wireroom-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    return provider


def middlewares(provider: TracerProvider, reads: Sequence[Consumer]) -> tuple[Any, ...]:
    """Return the middlewares that trace, to be the outermost of a broker."""
    patterns = _Patterns(reads)
    spans = TelemetryMiddleware(settings_provider_factory=lambda _message: patterns, tracer_provider=provider)
    return spans, partial(_QueueWait, provider=provider)


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

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, provider: TracerProvider) -> None:
        super().__init__(msg, context=context)
        self._provider = provider

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:  # noqa: ANN401 - as FastStream has it
        stored_at = int(msg.raw_message.metadata.timestamp.timestamp() * 1e9)
        span = self._provider.get_tracer("wireroom").start_span(QUEUE_WAIT, start_time=stored_at)
        span.end(max(time.time_ns(), stored_at))
        return await call_next(msg)
