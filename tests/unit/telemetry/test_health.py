"""The probes: what is dead, what is not ready, and what is neither."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from moderation.effects import Origin, Partition
from moderation.events import Follow
from moderation.state.figures import StateFigures
from moderation.stream.observing import LoopView
from moderation.stream.ordering import EventTimeMerge, Item
from moderation.telemetry.health import Bounds, Health

LANES = [Partition("c", "posts", "t", number) for number in range(2)]
STATE = StateFigures({}, 0, None, frozenset())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def view(positions: Mapping[int, int], ends: Mapping[int, int], *, waiting: bool = False) -> LoopView:
    at = {LANES[number]: offset for number, offset in positions.items()}
    return LoopView(at, {LANES[number]: end for number, end in ends.items()}, None, frozenset(), STATE, waiting)


def item(partition: Partition, offset: int, *, at_ms: int) -> Item:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return Item(
        Origin(partition, offset), Follow(platform_id="p", account_id=str(offset), target_account_id="b", at=at)
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(Bounds(loop_s=60, waiting_s=90, database_s=15), clock)


def test_before_the_loop_runs_it_is_neither_started_nor_ready_nor_dead(health: Health) -> None:
    assert health.why_not_started() == "the models are not loaded yet"
    assert health.why_not_ready() == "the loop does not run"
    assert health.why_dead() is None


def test_warm_models_are_a_start(health: Health) -> None:
    health.models_warm()
    assert health.why_not_started() is None


def test_ready_needs_an_assignment_and_an_answer_of_the_database(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    assert health.why_not_ready() == "no partition is assigned"
    health.view(view({0: 1}, {0: 1}))
    assert health.why_not_ready() == "the review database does not answer"
    health.database(answers=True)
    assert health.why_not_ready() is None
    clock.now += 16
    assert health.why_not_ready() == "the review database does not answer"
    health.database(answers=True)
    clock.now += 15
    health.database(answers=False)
    assert health.why_not_ready() is None, "one query failed, such as in a failover of a second"
    clock.now += 1
    assert health.why_not_ready() == "the review database does not answer"


def test_a_rebalance_and_an_empty_assignment_are_not_ready_and_not_dead(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    health.database(answers=True)
    health.view(view({0: 1}, {0: 5}))
    health.view(view({0: 1}, {}))
    clock.now += 1000
    health.view(view({0: 1}, {}))
    assert health.why_not_ready() == "no partition is assigned"
    assert health.why_dead() is None


def test_an_old_loop_is_dead(health: Health) -> None:
    age = [60.0]
    health.loop_built(lambda: age[0])
    assert health.why_dead() is None
    age[0] = 61.0
    assert health.why_dead() == "the loop has made no progress for 61 s"
    health.loop_ended()
    assert health.why_dead() is None


def test_read_records_of_which_none_is_judged_are_dead(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    for _ in range(10):
        health.view(view({0: 5, 1: 7}, {0: 100, 1: 8}, waiting=True))
        clock.now += 9
    assert health.why_dead() is None
    clock.now += 1
    assert health.why_dead() == "records were read and none has been judged for 91 s"
    health.view(view({0: 6, 1: 7}, {0: 100, 1: 8}, waiting=True))
    assert health.why_dead() is None


def test_a_record_that_waits_for_its_turn_while_others_are_judged_is_not_dead(health: Health, clock: Clock) -> None:
    posts, labels = LANES
    merge = EventTimeMerge(LANES, stalled_ms=30_000, now_ms=0)
    merge.add(item(labels, 0, at_ms=10**9))
    merge.note_unread(())
    health.loop_built(lambda: 0.0)
    at = {posts: 0, labels: 0}
    for offset in range(100):
        merge.add(item(posts, offset, at_ms=offset))
        (taken,) = merge.take(1, 0)
        at[taken.origin.partition] += 1
        health.view(LoopView(dict(at), {posts: 100, labels: 1}, None, frozenset(), STATE, waiting=len(merge) > 0))
        clock.now += 10
        assert health.why_dead() is None
    assert at == {posts: 100, labels: 0}


@pytest.mark.parametrize("end", [5, 9], ids=["no lag", "a partition that returns nothing"])
def test_without_a_record_that_was_read_it_is_not_dead_however_long_it_lasts(
    health: Health, clock: Clock, end: int
) -> None:
    health.loop_built(lambda: 0.0)
    for _ in range(3):
        health.view(view({0: 5}, {0: end}))
        clock.now += 1000
    assert health.why_dead() is None


def test_a_sidecar_that_lost_its_partitions_is_not_ready_and_not_dead(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    health.view(view({0: 1}, {0: 5}, waiting=True))
    health.unassigned()
    clock.now += 1000
    health.database(answers=True)
    assert health.why_not_ready() == "no partition is assigned"
    assert health.why_dead() is None


def test_an_outage_of_a_server_is_waited_out(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    health.view(view({0: 1}, {0: 5}, waiting=True))
    for _ in range(10):
        clock.now += 80
        health.outage()
    assert health.why_dead() is None
    clock.now += 91
    assert health.why_dead() is not None
