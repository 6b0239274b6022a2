"""Keys that were idle for long enough are dropped, those that stay active are kept, and each is noted once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from moderation.state.account_history import AccountHistory
from moderation.state.coverage import DAY_MS, HOUR_MS, KEPT_MS
from moderation.state.partners import PARTNERS_KEPT_MS, PartnerHistory, packed_occasion
from moderation.state.score_history import SCORES_KEPT_MS, ScoreHistory, packed
from moderation.state.shared_windows import SharedWindows
from moderation.state.watchlist import WATCHED_MS, Watchlist

HOUR_MINUTES, DAY_MINUTES = 60, 1440


def posts() -> tuple[Any, Any, Any]:
    kept = AccountHistory(1, DAY_MS)
    return kept, lambda at: kept.add_post(1, at * HOUR_MS, at, 1, (2,)), lambda at: kept.evict(at * HOUR_MS)


def deletions() -> tuple[Any, Any, Any]:
    kept = AccountHistory(1, DAY_MS)
    kept.add_post(1, 0, 1, 1, (2,))
    return kept, lambda at: kept.add_deletion(1, at * HOUR_MS, at), lambda at: kept.evict(at * HOUR_MS)


def members() -> tuple[Any, Any, Any]:
    kept = SharedWindows(DAY_MINUTES)
    return kept, lambda at: kept.add(1, at * HOUR_MINUTES, 2, at), lambda at: kept.evict(at * HOUR_MINUTES)


def scores() -> tuple[Any, Any, Any]:
    kept = ScoreHistory()
    late_ms = SCORES_KEPT_MS + KEPT_MS - DAY_MS
    return (
        kept,
        lambda at: kept.add(1, packed(at * HOUR_MS, 0.0, 9), at << 16),
        lambda at: kept.evict(at * HOUR_MS + late_ms),
    )


def partners() -> tuple[Any, Any, Any]:
    kept = PartnerHistory()
    late_ms = PARTNERS_KEPT_MS + KEPT_MS - DAY_MS
    return (
        kept,
        lambda at: kept.add(1, packed_occasion(at * HOUR_MS, 7), 2),
        lambda at: kept.evict(at * HOUR_MS + late_ms),
    )


def noted(kept: Any) -> int:
    return sum(len(keys) for keys in kept._active.values())


@pytest.mark.parametrize("container", [posts, deletions, members, scores, partners])
def test_a_key_is_dropped_when_it_was_idle_however_long_it_was_active(
    container: Callable[[], tuple[Any, Any, Any]],
) -> None:
    kept, add, evict = container()
    for at in range(0, 200, 20):
        add(at)
        evict(at)
        assert noted(kept) == 1
    evict(180 + 23)
    assert noted(kept) == 1
    evict(180 + 72)
    assert (len(kept), noted(kept)) == (0, 0)


def test_a_watched_account_is_forgotten_when_it_was_not_watched_again() -> None:
    kept = Watchlist()
    for day in range(0, 60, 5):
        kept.watch(1, day * DAY_MS)
        kept.evict(day * DAY_MS)
        assert sum(len(keys) for keys in kept._by_day.values()) == 1
    assert kept.has(1, 60 * DAY_MS)
    kept.evict(57 * DAY_MS + WATCHED_MS + KEPT_MS)
    assert not kept._by_day
    assert not kept.has(1, 60 * DAY_MS)
