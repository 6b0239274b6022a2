"""After a loss the state says what it does not know, until it does, and whoever restarts it knows no more."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moderation.effects import Origin, Partition
from moderation.events import decode
from moderation.state import PlatformState
from moderation.stream.gaps import GapWatch
from moderation.stream.ordering import Item
from tests.unit.core.doubles import KEYRING, MemoryLog, MemoryStore
from tests.unit.core.test_sidecar import sidecar

_POSTS, _LATER, _FOLLOWS = (Partition("c", topic, topic, 0) for topic in ("posts", "later", "follows"))
_START = datetime(2026, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000


def _post(number: int, at: datetime) -> bytes:
    event = {"post_id": f"p{number}", "text": "A walk.", "account_id": "a", "created_at": at.isoformat()}
    return json.dumps(event).encode()


def _item(partition: Partition, at: datetime, arrival: datetime) -> Item:
    arrival_ms = int(arrival.timestamp() * 1000)
    raw = _post(1, at)
    return Item(Origin(partition, 4, arrival_ms, None, raw), decode(raw, arrival_ms=arrival_ms))


def _state() -> PlatformState:
    return PlatformState(platform_id="p", keyring=KEYRING)


def test_no_snapshot_is_written_before_every_partition_with_a_gap_has_shown_its_beginning(tmp_path: Path) -> None:
    log, store, place = MemoryLog({_POSTS: [], _LATER: []}), MemoryStore(), tmp_path / "state"
    log.records[_POSTS] = [_post(number, _START + timedelta(minutes=number)) for number in range(40)]
    log.records[_LATER] = [_post(100 + number, _START + timedelta(days=2)) for number in range(6)]
    log.first = {_LATER: 4}

    def stopping(step: str) -> None:
        if step == "committed" and len(store.commits) == 2:
            first.stop()

    first = sidecar(log, store, stopping, state_directory=place)
    first.run()
    assert first.degraded == ("later/0: the log begins at offset 4",)
    assert not place.exists()
    second = sidecar(log, store, state_directory=place)
    second.run()
    assert second.degraded == first.degraded
    assert place.exists()


def test_windows_are_known_from_when_the_first_event_reached_the_log_on_not_from_what_it_tells_of() -> None:
    state = _state()
    gaps = GapWatch(state, [_POSTS], {_POSTS: 5}, {"posts": "post"})
    assert gaps.open
    assert not state.coverage.own_window_known(int(_START.timestamp() * 1000), 1)
    gaps.note([_item(_POSTS, _START - timedelta(days=7), _START)])
    assert not gaps.open
    now_ms = int(_START.timestamp() * 1000)
    assert not state.coverage.own_window_known(now_ms + _DAY_MS - 1, _DAY_MS)
    assert state.coverage.own_window_known(now_ms + _DAY_MS, _DAY_MS)
    assert not state.graph_lost


@pytest.mark.parametrize("kinds", [{"posts": "post", "follows": "follow"}, {"posts": "post", "follows": None}])
def test_follows_that_all_expired_are_lost_although_nothing_is_to_be_waited_for(kinds: dict[str, None]) -> None:
    state = _state()
    gaps = GapWatch(state, [_FOLLOWS], {}, kinds)
    assert state.graph_lost
    assert not gaps.open
    assert state.coverage.own_window_known(int(_START.timestamp() * 1000), _DAY_MS)


def test_follows_beyond_the_limit_make_the_graph_unknown_not_small(tmp_path: Path) -> None:
    state = PlatformState(platform_id="p", keyring=KEYRING, max_edges=2)
    state.keep_journal(tmp_path)
    for number in range(3):
        assert not state.graph_lost
        state.apply_follow(1, number + 2, number, follows=True)
    assert state.graph_lost
    state.save({})
    assert state.finish_saving()
    restored = PlatformState(platform_id="p", keyring=KEYRING, max_edges=2)
    restored.restore(tmp_path)
    assert restored.graph_lost


def test_gap_watch_of_a_log_read_to_its_end_without_an_event_waits_no_longer() -> None:
    state = _state()
    gaps = GapWatch(state, [_POSTS, _LATER], {_POSTS: 5, _LATER: 7}, {"posts": "post", "later": "post"})
    arrival = _START + timedelta(days=1)
    gaps.note_read({_POSTS: 4, _LATER: 6})
    gaps.note([_item(_POSTS, _START, arrival)])
    assert gaps.open
    gaps.note_read({_POSTS: 5, _LATER: 7})
    assert not gaps.open
    assert state.coverage.degraded_since_ms == int(arrival.timestamp() * 1000)


def test_gap_watch_of_logs_that_hold_control_records_only_leaves_the_state_as_it_was() -> None:
    state = _state()
    gaps = GapWatch(state, [_POSTS], {_POSTS: 5}, {"posts": "post"})
    gaps.note_read({_POSTS: 5})
    assert (gaps.open, state.coverage.degraded_since_ms) == (False, None)


def test_gap_watch_record_time_in_microseconds_does_not_degrade_later_windows() -> None:
    state = _state()
    watch = GapWatch(state, [_POSTS], {_POSTS: 9}, {"posts": "post"}, now_ms=lambda: int(_START.timestamp() * 1000))
    item = _item(_POSTS, _START, _START)
    stamp_us = int(_START.timestamp() * 1_000_000)
    watch.note([Item(Origin(_POSTS, 4, stamp_us, None, item.origin.value), item.content)])
    assert state.coverage.own_window_known(int((_START + timedelta(days=2)).timestamp() * 1000), _DAY_MS)
