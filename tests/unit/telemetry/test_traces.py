"""One span for each batch, linked to the spans of the producers."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from moderation.effects import Effects, Origin, Partition
from moderation.errors import SettingsError
from moderation.events import Ignored
from moderation.settings import Settings
from moderation.stream.observing import Batch
from moderation.stream.ordering import Item
from moderation.stream.pipeline import Outcome
from moderation.telemetry.opening import open_telemetry
from moderation.telemetry.traces import Tracer

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def item(offset: int, *, topic: str = "posts", headers: tuple[tuple[str, bytes | None], ...] = ()) -> Item:
    return Item(Origin(Partition("c", topic, "t", 2), offset, headers=headers, value=b"a text"), Ignored())


def spans(*items: Item) -> tuple[ReadableSpan, ...]:
    exporter = InMemorySpanExporter()
    tracer = Tracer(exporter, "1.2.3", "group", "job")
    outcome = Outcome(Effects(counters={"posts": 2, "flags": 1}), ())
    tracer.batch(Batch(items, outcome, 1000.0, 0.25, {}))
    tracer.close()
    return exporter.get_finished_spans()


def test_a_batch_is_one_process_span_with_the_attributes_of_the_conventions() -> None:
    (span,) = spans(item(1), item(2))
    assert (span.name, span.kind) == ("process posts", SpanKind.CONSUMER)
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.consumer.group.name": "group",
        "messaging.destination.name": "posts",
        "messaging.batch.message_count": 2,
        "moderation.pipeline": "job",
        "moderation.posts": 2,
        "moderation.flags": 1,
        "moderation.dead_letters": 0,
    }
    assert (span.start_time, span.end_time) == (1_000_000_000_000, 1_000_250_000_000)


def test_each_valid_traceparent_becomes_a_link_and_others_are_ignored() -> None:
    headers = (("traceparent", PARENT.encode()),)
    broken = (("traceparent", b"00-xyz"), ("other", None))
    (span,) = spans(item(5, headers=headers), item(6, headers=broken), item(7, headers=(("traceparent", None),)))
    (link,) = span.links
    assert f"{link.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert f"{link.context.span_id:016x}" == "00f067aa0ba902b7"
    assert (link.attributes or {})["messaging.kafka.offset"] == 5


def test_no_link_of_a_large_batch_is_dropped() -> None:
    (span,) = spans(*(item(offset, headers=(("traceparent", PARENT.encode()),)) for offset in range(1000)))
    assert len(span.links) == 1000


def test_a_batch_of_several_topics_names_none() -> None:
    (span,) = spans(item(1), item(1, topic="follows"))
    assert span.name == "process"
    assert "messaging.destination.name" not in (span.attributes or {})


def test_a_span_holds_nothing_of_a_record() -> None:
    (span,) = spans(item(1, headers=(("traceparent", PARENT.encode()), ("author", b"ana"))))
    assert "a text" not in span.to_json()
    assert "ana" not in span.to_json()


def test_an_endpoint_without_the_packages_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    settings = Settings(telemetry={"otlp_endpoint": "http://127.0.0.1:4318/v1/traces"})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"requirements/image.txt"), open_telemetry(settings):
        pass


@pytest.mark.parametrize("endpoint", ["collector:4318", "http://user:secret@host/x", "http://host:4318/a b"])
def test_an_endpoint_that_is_no_address_is_refused_without_a_password(endpoint: str) -> None:
    with pytest.raises(ValueError, match="must be an address such as") as refused:
        Settings(telemetry={"otlp_endpoint": endpoint})  # type: ignore[arg-type]
    assert "secret" not in str(refused.value).split("got ")[1].split("[type")[0]
