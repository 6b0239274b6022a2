"""The metrics of a loop with stand-ins for the servers, and the histogram for many values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from moderation.effects import Partition
from moderation.mapping import FieldMapping
from moderation.state.figures import StateFigures
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder
from moderation.stream.observing import LoopView
from moderation.stream.sidecar import Sidecar
from moderation.telemetry.histograms import BatchHistogram
from moderation.telemetry.metrics import Build, SidecarMetrics
from moderation.telemetry.observing import Telemetry
from tests.unit.core.doubles import MemoryLog, MemoryRelay, MemorySource, MemoryStore, new_pipeline, new_state
from tests.unit.core.test_sidecar import loop_config

BOUNDS = (1.0, 2.5, 10.0)
LANE = Partition("c", "posts", "t", 0)
STATE = StateFigures({"accounts": 3}, 0, 90_000, frozenset({"graph"}))


def samples(metrics: SidecarMetrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by the values of its labels, without those that are 0."""
    found = [sample for family in metrics.registry.collect() for sample in family.samples if sample.name == name]
    assert found, f"{name} is not exported"
    return {tuple(sample.labels.values()): sample.value for sample in found if sample.value}


@given(st.lists(st.floats(-5, 20), max_size=50), st.lists(st.floats(-5, 20), max_size=50))
def test_histogram_of_many_values_equals_the_one_of_the_library(first: list[float], second: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    many = BatchHistogram("h", "d", BOUNDS, ours)
    one = Histogram("h", "d", buckets=BOUNDS, registry=theirs)
    for values in (first, second):
        many.observe(values)
        for value in values:
            one.observe(value)
    for label in ("1.0", "2.5", "10.0", "+Inf"):
        assert ours.get_sample_value("h_bucket", {"le": label}) == theirs.get_sample_value("h_bucket", {"le": label})
    assert ours.get_sample_value("h_count") == theirs.get_sample_value("h_count")
    assert ours.get_sample_value("h_sum") == pytest.approx(theirs.get_sample_value("h_sum"))


def events() -> list[bytes]:
    """Ten posts, three of a robot, one repeated, one without an account, and one line that is not JSON."""
    found = []
    for number in range(10):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        text = "I am a robot." if number < 3 else "A walk."
        event = {"post_id": f"p{number}", "text": text, "account_id": f"a{number}", "created_at": at.isoformat()}
        found.append(json.dumps(event).encode())
    nameless = json.dumps({"post_id": "n", "text": "A walk."}).encode()
    return [*found, found[-1], nameless, b"{broken"]


def test_outcomes_events_texts_and_stages_of_a_run_are_counted() -> None:
    metrics, store = SidecarMetrics("memory"), MemoryStore()
    log = MemoryLog({LANE: events()})
    Sidecar(
        loop_config(),
        Connectors(MemorySource(log), store, MemoryRelay(store)),
        Decoder({"posts": "post"}, FieldMapping({})),
        Builders(new_pipeline, new_state),
        Callbacks(observer=Telemetry(metrics)),
    ).run()
    assert samples(metrics, "moderation_posts_total") == {
        ("flagged",): 3, ("clear",): 7, ("unjudged",): 1, ("repeated",): 1,
    }  # fmt: skip
    assert samples(metrics, "moderation_events_total") == {("post",): 12}
    assert samples(metrics, "moderation_flags_total") == {(): 3}
    assert samples(metrics, "moderation_dead_letters_total") == {("decode",): 1}
    assert samples(metrics, "moderation_texts_scored_total") == {("all",): 12}
    assert samples(metrics, "moderation_post_latency_seconds_count") == {(): 12}
    assert samples(metrics, "moderation_batch_tokens_sum") == {(): 36}
    assert set(samples(metrics, "moderation_stage_duration_seconds_count")) == {
        (stage,) for stage in ("decode", "order", "state", "features", "risk", "commit")
    }


def test_lag_and_progress_follow_the_assignment() -> None:
    now = [5000.0]
    metrics = SidecarMetrics("memory", lambda: now[0])
    other = Partition("c", "posts", "t", 1)
    metrics.view(LoopView({LANE: 3, other: 4}, {LANE: 10, other: 4}, 4_000_000, frozenset(), STATE))
    assert samples(metrics, "moderation_consumer_lag_records") == {("posts", "0"): 7}
    assert samples(metrics, "moderation_oldest_unscored_post_age_seconds") == {(): 1000}
    now[0] = 6000.0
    metrics.view(LoopView({LANE: 5, other: 4}, {LANE: 10, other: 4}, None, {other}, STATE))
    assert samples(metrics, "moderation_partition_progress_timestamp_seconds") == {
        ("posts", "0"): 6000, ("posts", "1"): 5000,
    }  # fmt: skip
    assert samples(metrics, "moderation_oldest_unscored_post_age_seconds") == {}
    assert samples(metrics, "moderation_degraded") == {("graph",): 1, ("partition_behind",): 1}
    assert samples(metrics, "moderation_graph_epoch_age_seconds") == {(): 90}
    metrics.view(LoopView({LANE: 5}, {}, None, frozenset(), STATE))
    assert samples(metrics, "moderation_consumer_lag_records") == {("posts", "0"): 5}, "kept during a rebalance"
    metrics.view(LoopView({other: 4}, {other: 6}, None, frozenset(), STATE))
    assert samples(metrics, "moderation_consumer_lag_records") == {("posts", "1"): 2}


def test_a_sidecar_that_waits_for_partitions_exports_none() -> None:
    metrics = SidecarMetrics("memory")
    metrics.view(LoopView({LANE: 3}, {LANE: 10}, 4_000_000, frozenset(), STATE, waiting=True))
    metrics.unassigned()
    families = {family.name: family.samples for family in metrics.registry.collect()}
    assert families["moderation_consumer_lag_records"] == []
    assert families["moderation_partition_progress_timestamp_seconds"] == []
    assert samples(metrics, "moderation_records_waiting_seconds") == {}


def test_the_wait_of_read_records_counts_from_the_last_progress_and_from_an_outage() -> None:
    now = [5000.0]
    metrics = SidecarMetrics("memory", lambda: now[0])
    metrics.view(LoopView({LANE: 3}, {LANE: 10}, None, frozenset(), STATE, waiting=True))
    now[0] += 60
    assert samples(metrics, "moderation_records_waiting_seconds") == {(): 60}
    metrics.view(LoopView({LANE: 4}, {LANE: 10}, None, frozenset(), STATE))
    assert samples(metrics, "moderation_records_waiting_seconds") == {}
    for _ in range(3):
        metrics.outage()
        now[0] += 10
    assert samples(metrics, "moderation_records_waiting_seconds") == {(): 30}


def test_evictions_count_on_when_the_state_begins_again() -> None:
    metrics = SidecarMetrics("disk")
    for evictions in (5, 9, 0, 2):
        state = StateFigures({}, evictions, None, frozenset())
        metrics.view(LoopView({}, {}, None, frozenset(), state))
    assert samples(metrics, "moderation_state_evictions_total") == {(): 11}


def test_build_has_the_versions_as_labels() -> None:
    metrics = SidecarMetrics("memory")
    metrics.build(Build("1.2.3", "d" * 12, "r" * 12, "certified for 0.0001"))
    assert samples(metrics, "moderation_build_info") == {("1.2.3", "d" * 12, "r" * 12, "certified for 0.0001"): 1}
