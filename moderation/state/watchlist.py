"""Accounts whose texts are scored for a while, with selective scoring."""

from __future__ import annotations

from array import array

from moderation.state.coverage import DAY_MS

WATCHED_MS = 14 * DAY_MS
"""How long the posts of an account are scored after one whose text decides."""


class Watchlist:
    """The latest time from which each account is watched; forgotten after `WATCHED_MS`."""

    def __init__(self) -> None:
        self._since: dict[int, int] = {}
        self._by_day: dict[int, list[int]] = {}

    def watch(self, account: int, at_ms: int) -> None:
        """Watch an account for `WATCHED_MS` from a time."""
        day, since_ms = at_ms // DAY_MS, self._since.get(account, -1)
        if day > since_ms // DAY_MS:
            self._by_day.setdefault(day, []).append(account)
        self._since[account] = max(at_ms, since_ms)

    def has(self, account: int, at_ms: int) -> bool:
        """Return whether an account is watched at a time."""
        return at_ms - self._since.get(account, at_ms - WATCHED_MS - 1) <= WATCHED_MS

    def add_stored(self, account: int, rows: array[int]) -> None:
        """Watch an account from times that were stored, in order."""
        self._since[account] = max(rows[-1], self._since.get(account, 0))

    def forget(self, account: int) -> None:
        """Drop what is known of an account."""
        self._since.pop(account, None)

    def evict(self, now_ms: int) -> None:
        """Forget accounts that are not watched any more."""
        for day in [day for day in self._by_day if (day + 1) * DAY_MS < now_ms - WATCHED_MS]:
            for account in self._by_day.pop(day):
                if self._since.get(account, now_ms) < now_ms - WATCHED_MS:
                    del self._since[account]
