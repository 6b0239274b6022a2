"""Counts the distinct accounts of a key, such as a network, on each of the last days.

Exact for fewer than `MOST_OF_A_DAY` accounts. Of as many or more, the lowest account numbers of the day are kept. They
are distributed evenly, and the estimate from the largest of k kept numbers has a relative standard error of
1 / sqrt(k − 2).
The order in which accounts are added changes nothing, and adding one twice has no effect.

Source: Bar-Yossef et al., "Counting distinct elements in a data stream" (RANDOM 2002), the k minimum values.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from moderation.state.coverage import DAY_MS, KEPT_MS
from moderation.state.ordered import first_at_least

EARLIER_DAYS = 7
"""Days that today is compared with, so that a weekend is among them."""
LEAST_EARLIER_DAYS = 3
CLOSED_AFTER_DAYS = 2
"""The last of these days is this many before that of the post, so that small disorder changes nothing."""
DAYS_KEPT_MS = (EARLIER_DAYS + CLOSED_AFTER_DAYS) * DAY_MS
MOST_OF_A_DAY = 32
_NUMBERS = 2.0**64


class DailyAccounts:
    """The accounts of each key by day: one flat array per key, of day and account, in that order."""

    def __init__(self, *, evicts: bool = True) -> None:
        """Without *evicts*, keys stay until they are forgotten."""
        self._evicts = evicts
        self._entries: dict[int, array[int]] = {}
        self._by_day: dict[int, set[int]] = {}
        self._largest: dict[int, tuple[int, float]] = {}
        """By key: the first day that is not counted, and the largest number of a day before it."""

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: int, day: int, account: int) -> bool:
        """Add an account on a day; return whether the kept ones changed."""
        entries = self._entries.get(key)
        if entries is None:
            entries = self._entries[key] = array("Q")
        begin, end = _places(entries, day)
        accounts = entries[2 * begin + 1 : 2 * end : 2]
        place = bisect_left(accounts, account)
        if place < len(accounts) and accounts[place] == account:
            return False
        if len(accounts) >= MOST_OF_A_DAY:
            if account > accounts[-1]:
                return False
            del entries[2 * end - 2 : 2 * end]
        elif not accounts and self._evicts:
            self._by_day.setdefault(day, set()).add(key)
        at = 2 * (begin + place)
        entries[at:at] = array("Q", (day, account))
        known = self._largest.get(key)
        if known is not None and day < known[0]:
            del self._largest[key]
        return True

    def add_stored(self, key: int, rows: array[int]) -> None:
        """Add rows that were stored: day and account of each."""
        for place in range(0, len(rows), 2):
            self.add(key, rows[place], rows[place + 1])

    def forget(self, key: int) -> None:
        """Drop a key."""
        self._entries.pop(key, None)
        self._largest.pop(key, None)

    def first_day(self, key: int) -> int | None:
        """Return the first kept day of a key; None without one."""
        entries = self._entries.get(key)
        return entries[0] if entries else None

    def largest(self, key: int, day: int) -> float:
        """Return the largest number of accounts on one of the seven days that end two days before a day."""
        end = day - CLOSED_AFTER_DAYS + 1
        known = self._largest.get(key)
        if known is None or known[0] != end:
            known = self._largest[key] = end, self._count(self._entries.get(key, array("Q")), end)
        return known[1]

    def _count(self, entries: array[int], end: int) -> float:
        begin, stop = first_at_least(entries, 2, end - EARLIER_DAYS), first_at_least(entries, 2, end)
        largest = 0.0
        while begin < stop:
            following = first_at_least(entries, 2, entries[2 * begin] + 1)
            count: float = following - begin
            if count >= MOST_OF_A_DAY:
                count = (count - 1) * _NUMBERS / entries[2 * following - 1]
            largest, begin = max(largest, count), following
        return largest

    def evict(self, now_ms: int) -> None:
        """Drop days that no post is compared with any more, nor a late one."""
        horizon = (now_ms - DAYS_KEPT_MS - KEPT_MS) // DAY_MS
        for day in [day for day in self._by_day if day < horizon]:
            for key in self._by_day.pop(day):
                entries = self._entries.get(key)
                if entries is None:
                    continue
                del entries[: 2 * first_at_least(entries, 2, horizon)]
                if not entries:
                    self.forget(key)


def _places(entries: array[int], day: int) -> tuple[int, int]:
    """Return where the accounts of a day begin and end; most are added to the latest day."""
    size = len(entries) // 2
    if not size or entries[-2] < day:
        return size, size
    end = size if entries[-2] == day else first_at_least(entries, 2, day + 1)
    return (0 if entries[0] == day else first_at_least(entries, 2, day)), end
