"""The probes: what is dead, what is not ready, and what is neither."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from moderation.effects import Partition
from moderation.state.figures import StateFigures
from moderation.stream.observing import LoopView
from moderation.telemetry.health import Bounds, Health

LANES = [Partition("c", "posts", "t", number) for number in range(2)]
STATE = StateFigures({}, 0, None, frozenset())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def view(positions: Mapping[int, int], ends: Mapping[int, int]) -> LoopView:
    at = {LANES[number]: offset for number, offset in positions.items()}
    return LoopView(at, {LANES[number]: end for number, end in ends.items()}, None, frozenset(), STATE)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(Bounds(loop_s=60, partition_s=90, database_s=15), clock)


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
    health.database(answers=False)
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


def test_one_partition_with_lag_and_no_progress_is_dead_although_others_move(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    for offset in range(9):
        health.view(view({0: offset, 1: 7}, {0: 100, 1: 8}))
        clock.now += 10
    assert health.why_dead() is None
    clock.now += 1
    assert health.why_dead() == "posts/1 has records and makes no progress"
    health.view(view({0: 11, 1: 8}, {0: 100, 1: 9}))
    assert health.why_dead() is None


def test_no_lag_is_not_dead_however_long_it_lasts(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    for _ in range(3):
        health.view(view({0: 5}, {0: 5}))
        clock.now += 1000
    assert health.why_dead() is None


def test_an_outage_of_a_server_is_waited_out(health: Health, clock: Clock) -> None:
    health.loop_built(lambda: 0.0)
    health.view(view({0: 1}, {0: 5}))
    for _ in range(10):
        clock.now += 80
        health.outage()
    assert health.why_dead() is None
    clock.now += 91
    assert health.why_dead() is not None
