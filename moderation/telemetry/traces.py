"""Traces: one `process` span for each batch, linked to the spans of the producers, sent to an OpenTelemetry collector.

Needs the extra `traces`. Names and attributes are the semantic conventions for messaging. A span holds no text, no
address and no id of a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moderation.errors import SettingsError
from moderation.stream.observing import Batch

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Link

SCOPE = "moderation"
TIMEOUT_S = 5
MOST_LINKS = 4096
"""The default of the library, 128, would drop links of a batch without notice."""


def exporter_to(endpoint: str) -> SpanExporter:
    """Return an exporter by OTLP over HTTP. Raises SettingsError without the extra."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise SettingsError(
            "telemetry.otlp_endpoint needs packages that are not installed: install requirements/image.txt, "
            "or leave it empty to send no traces"
        ) from None
    return OTLPSpanExporter(endpoint=endpoint, timeout=TIMEOUT_S)


class Tracer:
    """Makes spans of batches and exports them in a thread of its own, which drops spans that it cannot send."""

    def __init__(self, exporter: SpanExporter, version: str, group: str, pipeline: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({"service.name": "moderation-sidecar", "service.version": version})
        limits = SpanLimits(max_links=MOST_LINKS)
        self._provider = TracerProvider(resource=resource, span_limits=limits, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SCOPE, version)
        self._attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.consumer.group.name": group,
            "moderation.pipeline": pipeline,
        }

    def batch(self, batch: Batch) -> None:
        """Record the span of a batch, with the time that it took."""
        from opentelemetry.trace import SpanKind

        topics = sorted({item.origin.partition.topic for item in batch.items})
        counters = batch.outcome.effects.counters
        attributes: dict[str, str | int] = {
            **self._attributes,
            "messaging.batch.message_count": len(batch.items),
            "moderation.posts": counters.get("posts", 0),
            "moderation.flags": counters.get("flags", 0),
            "moderation.dead_letters": counters.get("dead_letters", 0),
        }
        if len(topics) == 1:
            attributes["messaging.destination.name"] = topics[0]
        began_ns = int(batch.began_at * 1e9)
        span = self._tracer.start_span(
            f"process {topics[0]}" if len(topics) == 1 else "process",
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=list(links(batch)),
            start_time=began_ns,
        )
        span.end(end_time=began_ns + int(batch.duration_s * 1e9))

    def flush(self) -> bool:
        """Send what waits; return whether it was sent."""
        return self._provider.force_flush(TIMEOUT_S * 1000)

    def close(self) -> None:
        """Send what waits and stop."""
        self._provider.shutdown()


def links(batch: Batch) -> Iterable[Link]:
    """Yield a link to the span in the `traceparent` header of each record that has a valid one."""
    from opentelemetry.trace import Link, get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    for item in batch.items:
        carrier = {
            name: value.decode("ascii", "replace")
            for name, value in item.origin.headers
            if value is not None and name in ("traceparent", "tracestate")
        }
        if "traceparent" in carrier:
            context = get_current_span(propagator.extract(carrier)).get_span_context()
            if context.is_valid:
                attributes: dict[str, str | int] = {
                    "messaging.destination.name": item.origin.partition.topic,
                    "messaging.destination.partition.id": str(item.origin.partition.partition),
                    "messaging.kafka.offset": item.origin.offset,
                }
                yield Link(context, attributes)
