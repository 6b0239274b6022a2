"""A sidecar reads follow events before it joins only where its start finds the same graph with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from moderation.errors import ConnectionLost, RecordsExpired
from moderation.stream.ordering import EventTimeMerge
from moderation.stream.shared_work import SharedWork
from moderation.stream.starting import Kept
from tests.unit.core.shared_doubles import SharedSource
from tests.unit.core.test_shared_sidecars import FOLLOWS, Fleet


def fleet_with_posts(stalled_ms: float = 60_000) -> Fleet:
    """Return a fleet of which one sidecar has judged some posts."""
    made = Fleet(stalled_ms=stalled_ms)
    running = made.sidecar("one", lambda step: running.stop() if len(made.store.commits) > 5 else None)
    running.run()
    return made


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return fleet_with_posts()


def graph(fleet: Fleet) -> Kept | None:
    return fleet.sidecar("two")._joining.graph(threading.Event(), lambda: None)


def test_graph_is_read_as_far_as_posts_were_judged(fleet: Fleet) -> None:
    kept = graph(fleet)
    assert kept is not None
    assert len(fleet.assessed()) <= kept.positions[FOLLOWS] < len(fleet.log.records[FOLLOWS])
    kept.state.close()


def test_first_start_of_a_pipeline_reads_no_graph_before_it_joins() -> None:
    assert graph(Fleet()) is None


def test_graph_whose_first_follow_events_are_lost_is_left_to_the_start(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fleet.log.first, FOLLOWS, 3)
    assert graph(fleet) is None


def test_graph_whose_follow_events_expire_meanwhile_is_left_to_the_start(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    joining = fleet.sidecar("two")._joining

    def expired(*_arguments: object) -> None:
        raise RecordsExpired("gone")

    monkeypatch.setattr(joining._intake, "fill", expired)
    assert joining.graph(threading.Event(), lambda: None) is None


def test_graph_is_not_waited_for_where_a_partition_returns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = fleet_with_posts(stalled_ms=20)
    monkeypatch.setattr(SharedSource, "poll", lambda _source, _timeout_ms: [])
    kept = graph(fleet)
    assert kept is not None
    assert kept.positions == {FOLLOWS: 0}
    kept.state.close()


def test_graph_is_read_on_after_polls_that_bring_nothing(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    polls, poll = iter(range(10**6)), SharedSource.poll
    monkeypatch.setattr(
        SharedSource, "poll", lambda source, timeout_ms: poll(source, timeout_ms) if next(polls) % 50 == 0 else []
    )
    kept = graph(fleet)
    assert kept is not None
    assert kept.positions[FOLLOWS] >= len(fleet.assessed())
    kept.state.close()


def test_graph_is_read_no_further_once_the_sidecar_stops(fleet: Fleet) -> None:
    stop = threading.Event()
    on_wait: Callable[[], None] = stop.set
    kept = fleet.sidecar("two")._joining.graph(stop, on_wait)
    assert kept is not None
    assert kept.positions[FOLLOWS] < len(fleet.assessed())
    kept.state.close()


def test_progress_stays_where_a_poll_fails(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others must not take the records of an outage for read."""
    polled: list[int] = []
    shared = SimpleNamespace(begin_poll=lambda: 1, polled=polled.append, held=False, now_ms=0.0)

    def fail(_source: SharedSource, _timeout_ms: int) -> None:
        raise ConnectionLost("no broker answers")

    monkeypatch.setattr(SharedSource, "unread", lambda _source: set())
    with monkeypatch.context() as outage:
        outage.setattr(SharedSource, "poll", fail)
        outage.setattr("moderation.stream.intake.PAUSE_S", 0)
        merge = EventTimeMerge([FOLLOWS], stalled_ms=1.0, now_ms=0.0)
        intake = fleet.sidecar("two")._intake
        intake.fill(merge, cast(SharedWork, shared), threading.Event())
    assert polled == []
    monkeypatch.setattr(SharedSource, "poll", lambda _source, _timeout_ms: [])
    intake.fill(merge, cast(SharedWork, shared), threading.Event())
    assert polled == [1]
