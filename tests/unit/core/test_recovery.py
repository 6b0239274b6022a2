"""A start reads from where the state was saved and goes live exactly where the ledger says."""

from __future__ import annotations

import pytest

from moderation.effects import Partition
from moderation.errors import PositionError
from moderation.stream.recovery import plan_start
from moderation.stream.starting import Beginning

ONE, TWO = Partition("c", "posts", "t", 0), Partition("c", "posts", "t", 1)


def test_the_first_start_on_a_whole_log_rebuilds_nothing() -> None:
    plan = plan_start(ledger={ONE: None}, saved=None, bounds={ONE: (0, 50)}, on_lost_records="stop")
    assert (plan.read_from[ONE], plan.live_from[ONE], plan.gaps) == (0, 0, {})


def test_without_a_saved_state_the_whole_log_is_read_silently_up_to_the_ledger() -> None:
    plan = plan_start(ledger={ONE: 30}, saved=None, bounds={ONE: (0, 50)}, on_lost_records="stop")
    assert (plan.read_from[ONE], plan.live_from[ONE]) == (0, 30)


def test_a_saved_state_shortens_the_rebuild() -> None:
    plan = plan_start(
        ledger={ONE: 30, TWO: 9}, saved={ONE: 20, TWO: 9}, bounds={ONE: (5, 50), TWO: (0, 9)}, on_lost_records="stop"
    )
    assert plan.use_saved
    assert plan.read_from == {ONE: 20, TWO: 9}
    assert plan.gaps == {}


def test_a_new_partition_does_not_cost_the_saved_state() -> None:
    plan = plan_start(
        ledger={ONE: 90, TWO: None}, saved={ONE: 90}, bounds={ONE: (50, 95), TWO: (0, 3)}, on_lost_records="stop"
    )
    assert plan.use_saved
    assert plan.read_from == {ONE: 90, TWO: 0}
    assert plan.gaps == {}


@pytest.mark.parametrize("saved", [{ONE: 40}, {ONE: 2}, {TWO: 20}])
def test_a_saved_state_ahead_of_the_ledger_or_off_the_log_is_not_used(saved: dict[Partition, int]) -> None:
    plan = plan_start(ledger={ONE: 30}, saved=saved, bounds={ONE: (5, 50)}, on_lost_records="stop")
    assert not plan.use_saved
    assert plan.read_from == {ONE: 5}


def test_a_log_that_no_longer_reaches_back_is_degraded_by_name() -> None:
    plan = plan_start(ledger={ONE: 30}, saved=None, bounds={ONE: (5, 50)}, on_lost_records="stop")
    assert plan.gaps == {ONE: "the log begins at offset 5"}


def test_records_that_expired_unread_stop_the_start_unless_the_operator_chose_otherwise() -> None:
    with pytest.raises(PositionError, match="15 records expired unread"):
        plan_start(ledger={ONE: 30}, saved=None, bounds={ONE: (45, 50)}, on_lost_records="stop")
    plan = plan_start(ledger={ONE: 30}, saved=None, bounds={ONE: (45, 50)}, on_lost_records="skip")
    assert plan.live_from == {ONE: 45}
    assert plan.gaps == {ONE: "offsets 30 to 45 are gone"}


def test_start_on_an_old_log_without_position_or_saved_state_reads_from_its_first_record() -> None:
    plan = plan_start(ledger={ONE: None}, saved=None, bounds={ONE: (100, 150)}, on_lost_records="stop")
    assert (plan.read_from, plan.live_from) == ({ONE: 100}, {ONE: 100})


def test_start_whose_saved_state_shows_that_records_expired_unread_stops() -> None:
    with pytest.raises(PositionError, match="read up to 0: 100 records expired unread"):
        plan_start(ledger={ONE: None}, saved={ONE: 0}, bounds={ONE: (100, 150)}, on_lost_records="stop")


def test_new_partition_with_a_first_position_keeps_the_saved_state() -> None:
    plan = plan_start(
        ledger={ONE: 90, TWO: 0}, saved={ONE: 90}, bounds={ONE: (50, 95), TWO: (0, 3)}, on_lost_records="stop"
    )
    assert plan.use_saved
    assert plan.read_from == {ONE: 90, TWO: 0}


@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_a_log_shorter_than_the_ledger_always_stops(policy: str) -> None:
    with pytest.raises(PositionError, match="cut or replaced"):
        plan_start(ledger={ONE: 60}, saved=None, bounds={ONE: (0, 50)}, on_lost_records=policy)  # type: ignore[arg-type]


def test_records_to_rebuild_from_end_with_the_log_of_partitions_that_others_judge() -> None:
    log = {ONE: (0, 50), TWO: (0, 9)}
    follows = Beginning({ONE: 30}, log, {"posts": "follow"}, frozenset(), "posts", "stop")
    plan = follows.plan_follows({ONE, TWO}, {ONE: 20, TWO: 4})
    assert plan.to_rebuild(log) == (30 - 20) + (9 - 4)
