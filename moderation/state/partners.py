"""With which other accounts an account posted the same thing in the same hour."""

from __future__ import annotations

from array import array

from moderation.state.active_keys import keys_by_period
from moderation.state.coverage import DAY_MS, KEPT_MS

PARTNERS_KEPT_MS = 7 * DAY_MS
"""How long an occasion counts."""
UNKNOWN = 0
"""Stands for the other accounts of an occasion of which nothing is known."""
_MOST_STORED = 128
"""Occasions that are kept of one account, the latest ones."""
_TIME_SHIFT = 22
"""Bits of a packed occasion below its time in milliseconds."""
_ITEM_MASK = (1 << _TIME_SHIFT) - 1


def packed_occasion(at_ms: int, item: int) -> int:
    """Return the time of an occasion with 22 bits of its item, as one number of 64 bits."""
    return at_ms << _TIME_SHIFT | item >> (64 - _TIME_SHIFT)


class PartnerHistory:
    """Pairs of a packed occasion and another account, ordered by time: of an item and another account, the first a day.

    The order in which they are added changes nothing, up to the number that is kept.
    """

    def __init__(self, *, evicts: bool = True) -> None:
        """Without *evicts*, accounts stay until they are forgotten."""
        self._evicts = evicts
        self._pairs: dict[int, array[int]] = {}
        self._active = keys_by_period()

    def __len__(self) -> int:
        return len(self._pairs)

    def add(self, account: int, occasion: int, other: int) -> bool:
        """Add an occasion on which an account posted the same as another one; return whether it changed anything."""
        day, item = _day(occasion), occasion & _ITEM_MASK
        pairs = self._pairs.get(account)
        if pairs is None:
            self._pairs[account] = array("Q", (occasion, other))
            if self._evicts:
                self._active[day].append(account)
            return True
        for place in range(len(pairs) - 2, -2, -2):
            if _day(pairs[place]) < day:
                break
            if pairs[place + 1] == other and pairs[place] & _ITEM_MASK == item and _day(pairs[place]) == day:
                if pairs[place] <= occasion:
                    return False
                del pairs[place : place + 2]
                break
        place = len(pairs)
        while place and (pairs[place - 2], pairs[place - 1]) > (occasion, other):
            place -= 2
        pairs[place:place] = array("Q", (occasion, other))
        if len(pairs) > 2 * _MOST_STORED:
            del pairs[:2]
        return True

    def add_stored(self, account: int, rows: array[int]) -> None:
        """Add pairs that were stored."""
        for place in range(0, len(rows), 2):
            self.add(account, rows[place], rows[place + 1])

    def forget(self, account: int) -> None:
        """Drop the pairs of an account."""
        self._pairs.pop(account, None)

    def read(self, account: int, at_ms: int) -> tuple[int, int] | None:
        """Return how many accounts posted two of its items or more, and how many items one of them posted.

        In the 7 days up to a time, each in the same hour; at least that many. None where the others of an occasion are
        unknown.
        """
        pairs = self._pairs.get(account)
        if pairs is None:
            return 0, 0
        shared: dict[int, set[int]] = {}
        for occasion, other in zip(pairs[0::2], pairs[1::2], strict=True):
            if at_ms - PARTNERS_KEPT_MS < occasion >> _TIME_SHIFT <= at_ms:
                shared.setdefault(other, set()).add(occasion & _ITEM_MASK)
        if UNKNOWN in shared:
            return None
        counts = [len(items) for items in shared.values()]
        return sum(count >= 2 for count in counts), max(counts, default=0)

    def evict(self, now_ms: int) -> None:
        """Drop accounts whose last occasion counts no longer, nor for a late post."""
        horizon_ms = now_ms - PARTNERS_KEPT_MS - KEPT_MS
        for day in [day for day in self._active if (day + 1) * DAY_MS <= horizon_ms]:
            for account in self._active.pop(day):
                newest = self._pairs[account][-2]
                if newest >> _TIME_SHIFT < horizon_ms:
                    del self._pairs[account]
                else:
                    self._active[_day(newest)].append(account)


def _day(occasion: int) -> int:
    return (occasion >> _TIME_SHIFT) // DAY_MS
