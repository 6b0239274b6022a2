"""Partitions that answer late, stall or hold long records: nothing is overtaken, and what is missing is named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from moderation.effects import Origin, Partition
from moderation.mapping import FieldMapping
from moderation.state import PlatformState
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder
from moderation.stream.sidecar import Sidecar
from tests.unit.core.doubles import MemoryLog, MemoryRelay, MemorySource, MemoryStore, new_pipeline, new_state
from tests.unit.core.test_sidecar import sidecar

POSTS, FOLLOWS = (Partition("c", topic, topic, 0) for topic in ("posts", "follows"))
START = datetime(2026, 1, 1, tzinfo=UTC)


class LateSource(MemorySource):
    """Returns nothing of the follows for a number of polls."""

    def __init__(self, log: MemoryLog, polls: float) -> None:
        super().__init__(log)
        self._silent_polls = polls

    def poll(self, timeout_ms: int) -> Sequence[Origin]:
        self._silent_polls -= 1
        if self._silent_polls < 0:
            return super().poll(timeout_ms)
        kept = self._next[FOLLOWS]
        found = [origin for origin in super().poll(timeout_ms) if origin.partition != FOLLOWS]
        self._next[FOLLOWS] = kept
        return found


def log_of_weeks() -> MemoryLog:
    """Posts of nine weeks, and follows over the same time."""
    log = MemoryLog({POSTS: [], FOLLOWS: []})
    for number in range(200):
        at = (START + timedelta(hours=7 * number)).isoformat()
        event = {"post_id": f"p{number}", "text": "I am a robot.", "account_id": f"a{number % 9}", "created_at": at}
        log.records[POSTS].append(json.dumps(event).encode())
    for number in range(100):
        at = (START + timedelta(hours=14 * number)).isoformat()
        event = {"account_id": f"a{number % 9}", "target_account_id": f"b{number}", "at": at}
        log.records[FOLLOWS].append(json.dumps(event).encode())
    return log


def run(source: MemorySource, store: MemoryStore, stalled_ms: float) -> PlatformState:
    states: list[PlatformState] = []

    def build() -> PlatformState:
        states.append(new_state())
        return states[-1]

    like = sidecar(MemoryLog(), store)
    config = replace(like._config, stalled_ms=stalled_ms)
    Sidecar(
        config,
        Connectors(source, store, MemoryRelay(store)),
        Decoder({"posts": "post", "follows": "follow"}, FieldMapping({})),
        Builders(new_pipeline, build),
        Callbacks(),
    ).run()
    return states[-1]


@pytest.mark.parametrize("position", [None, 200])
def test_a_topic_that_answers_late_at_the_start_is_not_overtaken(position: int | None) -> None:
    log, store = log_of_weeks(), MemoryStore()
    if position is not None:  # a rebuild of the state
        store.positions = {POSTS: position, FOLLOWS: 100}
    state = run(LateSource(log, polls=30), store, stalled_ms=60_000)
    assert len(state.follows) == 100
    assert state.coverage.late_events == 0
    assert not state.graph_lost


def degraded(store: MemoryStore) -> Mapping[str, tuple[str, ...]]:
    return {flag.assessment.post_id: flag.assessment.degraded for batch in store.commits for flag in batch.flags}


def test_a_stalled_topic_holds_up_the_others_for_a_limited_time_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    log, store = log_of_weeks(), MemoryStore()
    run(LateSource(log, polls=60), store, stalled_ms=0)
    assert "partition 0 of follows returns nothing although its log continues" in caplog.text
    found = degraded(store)
    assert len(found) == 200
    assert "partition_behind" in found["p150"]


def test_posts_are_complete_where_no_topic_is_behind() -> None:
    log, store = log_of_weeks(), MemoryStore()
    run(MemorySource(log), store, stalled_ms=60_000)
    assert set(degraded(store).values()) == {()}


def test_long_records_are_fetched_only_as_far_as_the_buffer_holds_them() -> None:
    log, store = MemoryLog({POSTS: [], FOLLOWS: []}), MemoryStore()
    for number in range(60):
        at = (START + timedelta(minutes=number)).isoformat()
        text = "x" * 100_000
        event = {"post_id": f"p{number}", "text": text, "account_id": "a", "created_at": at}
        log.records[POSTS].append(json.dumps(event).encode())
    paused: list[int] = []

    class Pausing(MemorySource):
        def __init__(self) -> None:
            super().__init__(log, per_poll=15)
            self._paused: set[Partition] = set()

        def poll(self, timeout_ms: int) -> Sequence[Origin]:
            if POSTS in self._paused:
                paused.append(self._next[POSTS])
                return []
            return super().poll(timeout_ms)

        def pause(self, partitions: object) -> None:
            self._paused |= set(partitions)  # type: ignore[call-overload]

        def resume(self, partitions: object) -> None:
            self._paused -= set(partitions)  # type: ignore[call-overload]

    run(Pausing(), store, stalled_ms=60_000)
    assert store.positions[POSTS] == 60
    assert paused, "one megabyte holds ten such records"
