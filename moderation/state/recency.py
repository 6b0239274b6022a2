"""Distinct members of one busy key, counted without walking through its buckets."""

from __future__ import annotations

from collections.abc import Iterable

NEAR_MINUTES = 240
"""A window this short is counted from its young end, a longer one from the old end of what is kept."""


class Recency:
    """The latest minute of each member, oldest first. It answers for windows that end with the newest minute."""

    def __init__(self, entries: Iterable[tuple[int, str]]) -> None:
        """Take (minute, member) pairs in ascending order."""
        self._latest: dict[str, int] = {}
        self.newest = -1
        for minute, member in entries:
            self.see(minute, member)

    def see(self, minute: int, member: str) -> None:
        """Take a member of the newest minute or a younger one."""
        self._latest.pop(member, None)
        self._latest[member] = minute
        self.newest = minute

    def forget(self, before_minute: int) -> None:
        """Drop members that were last seen earlier."""
        gone = []
        for member, minute in self._latest.items():
            if minute >= before_minute:
                break
            gone.append(member)
        for member in gone:
            del self._latest[member]

    def count(self, after_minute: int, including: str | None) -> int:
        """Members seen after that minute, with `including` among them."""
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
