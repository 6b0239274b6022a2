"""Counts distinct members of one busy key without iterating over its buckets."""

from __future__ import annotations

from collections.abc import Iterable

NEAR_MINUTES = 240
"""A window up to this length is counted from its end, a longer one from the beginning of the stored entries."""


class Recency:
    """The latest minute of each member, oldest first, for windows that end with the newest minute."""

    def __init__(self, entries: Iterable[tuple[int, str]]) -> None:
        """Store (minute, member) pairs in ascending order."""
        self._latest: dict[str, int] = {}
        self.newest = -1
        for minute, member in entries:
            self.see(minute, member)

    def see(self, minute: int, member: str) -> None:
        """Add a member of the newest minute or a later one."""
        self._latest.pop(member, None)
        self._latest[member] = minute
        self.newest = minute

    def forget(self, before_minute: int) -> None:
        """Drop members that were last added earlier."""
        gone = []
        for member, minute in self._latest.items():
            if minute >= before_minute:
                break
            gone.append(member)
        for member in gone:
            del self._latest[member]

    def count(self, after_minute: int, including: str | None) -> int:
        """Return the number of members added after that minute, `including` counted as one of them."""
        latest = self._latest
        found = len(latest)
        if self.newest - after_minute <= NEAR_MINUTES:
            for number, minute in enumerate(reversed(latest.values())):
                if minute <= after_minute:
                    found = number
                    break
        else:
            for number, minute in enumerate(latest.values()):
                if minute > after_minute:
                    found = len(latest) - number
                    break
            else:
                found = 0
        missing = including is not None and latest.get(including, after_minute) <= after_minute
        return found + missing
