"""What a watchlist keeps."""

from __future__ import annotations

from moderation.state.watchlist import WATCHED_MS, Watchlist


def test_watchlist_that_forgets_by_account_keeps_nothing_by_day() -> None:
    watchlist = Watchlist(evicts=False)
    watchlist.watch(1, WATCHED_MS)
    watchlist.evict(5 * WATCHED_MS)
    assert watchlist.has(1, WATCHED_MS)
    watchlist.forget(1)
    assert not watchlist.has(1, WATCHED_MS)
    assert not watchlist._by_day
