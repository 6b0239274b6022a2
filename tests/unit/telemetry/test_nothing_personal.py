"""Logs, metrics and spans of a run hold no text, no address, no device and no id of a person."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from moderation.effects import Origin, Partition
from moderation.mapping import FieldMapping
from moderation.settings import Settings
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder
from moderation.stream.sidecar import Sidecar
from moderation.telemetry.logs import JsonLines
from moderation.telemetry.metrics import SidecarMetrics
from moderation.telemetry.observing import Telemetry
from moderation.telemetry.traces import Tracer
from tests.unit.core.doubles import MemoryLog, MemoryRelay, MemorySource, MemoryStore, new_pipeline, new_state
from tests.unit.core.test_sidecar import loop_config

LANE = Partition("c", "posts", "t", 0)
PERSONAL = ("zebra-robot", "account-7351", "post-9917", "198.18.4.77", "device-4410")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All lines of our loggers, as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("moderation")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_run_shows_nothing_of_its_records(logged: io.StringIO) -> None:
    text, account, post_id, address, device = PERSONAL
    post = {
        "post_id": post_id,
        "account_id": account,
        "text": f"{text} robot",
        "created_at": "2026-01-01T00:00:00Z",
        "client": {"ip": address, "device_id": device},
    }
    broken = {**post, "post_id": "", "schema_version": 9}
    log = MemoryLog({LANE: [json.dumps(post).encode(), json.dumps(broken).encode(), f"{{{text}".encode()]})
    store, exporter = MemoryStore(), InMemorySpanExporter()
    metrics, tracer = SidecarMetrics("memory"), Tracer(exporter, "v", "group", "job")
    Sidecar(
        loop_config(),
        Connectors(MemorySource(log), store, MemoryRelay(store)),
        Decoder({"posts": "post"}, FieldMapping({})),
        Builders(new_pipeline, new_state),
        Callbacks(observer=Telemetry(metrics, None, tracer)),
    ).run()
    tracer.close()
    spans = "".join(span.to_json() for span in exporter.get_finished_spans())
    shown = {"log": logged.getvalue(), "metrics": generate_latest(metrics.registry).decode(), "spans": spans}
    assert store.flags, "the post was flagged"
    assert '"event": "batch"' in shown["log"]
    for place, content in shown.items():
        assert content, place
        assert not [value for value in PERSONAL if value in content], place


def test_a_warning_about_a_mapping_shows_no_value(logged: io.StringIO) -> None:
    mapping = Settings.model_validate(
        {"mapping": {"post": {"post_id": "id", "text": "body", "created_at": "body", "typing.duration_ms": "user"}}}
    ).field_mapping()
    decoder = Decoder({"posts": None}, mapping)
    record = {"id": PERSONAL[2], "body": f"{PERSONAL[0]} robot", "user": PERSONAL[1]}
    decoder.item(Origin(LANE, 0, value=json.dumps(record).encode()))
    decoder.finish()
    assert "mapping.post.created_at resolved in none" in logged.getvalue()
    assert not [value for value in PERSONAL if value in logged.getvalue()]
