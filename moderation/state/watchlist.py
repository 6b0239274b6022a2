"""Accounts whose texts are scored for a while, with selective scoring."""

from __future__ import annotations

from array import array

from moderation.state.active_keys import keys_by_period
from moderation.state.coverage import DAY_MS, KEPT_MS

WATCHED_MS = 14 * DAY_MS
"""How long the posts of an account are scored after one whose text decides."""


class Watchlist:
    """From when to when each account is watched: first and latest start, the latter at most `WATCHED_MS` ago."""

    def __init__(self, *, evicts: bool = True) -> None:
        """Without *evicts*, accounts stay until they are forgotten."""
        self._evicts = evicts
        self._starts: dict[int, tuple[int, int]] = {}
        self._by_day = keys_by_period()

    def watch(self, account: int, at_ms: int) -> None:
        """Watch an account for `WATCHED_MS` from a time."""
        first, latest = self._starts.get(account, (at_ms, -1))
        if self._evicts and latest < 0:
            self._by_day[at_ms // DAY_MS].append(account)
        if at_ms > latest + WATCHED_MS:
            first = at_ms
        self._starts[account] = min(first, at_ms), max(at_ms, latest)

    def has(self, account: int, at_ms: int) -> bool:
        """Return whether an account is watched at a time."""
        first, latest = self._starts.get(account, (at_ms + 1, at_ms))
        return first <= at_ms <= latest + WATCHED_MS

    def add_stored(self, account: int, rows: array[int]) -> None:
        """Watch an account from times that were stored, in order."""
        for at_ms in rows:
            self.watch(account, at_ms)

    def forget(self, account: int) -> None:
        """Drop what is known of an account."""
        self._starts.pop(account, None)

    def evict(self, now_ms: int) -> None:
        """Forget accounts that are not watched any more, nor at the time of a late post."""
        horizon_ms = now_ms - WATCHED_MS - KEPT_MS
        for day in [day for day in self._by_day if (day + 1) * DAY_MS < horizon_ms]:
            for account in self._by_day.pop(day):
                latest_ms = self._starts[account][1]
                if latest_ms < horizon_ms:
                    del self._starts[account]
                else:
                    self._by_day[latest_ms // DAY_MS].append(account)
