"""The window store in memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby

from moderation.state.recency import Recency
from moderation.state.windows import MINUTE_MS

BUSY_ENTRIES = 256
"""Number of entries from which distinct members are counted from an index (about 150 bytes a member)."""


class Entries(list[tuple[int, str]]):
    """(minute, member) in ascending order without repeats, with their key."""

    __slots__ = ("key", "recent")

    def __init__(self, key: str, first: tuple[int, str]) -> None:
        super().__init__((first,))
        self.key = key
        self.recent: Recency | None = None


class MemoryWindowStore:
    """Stores the buckets of each key as one sorted list.

    Bounded: a bucket holds at most `max_members` members (the smallest; a count saturates there), and buckets older
    than the longest window are forgotten. Worst case: keys alive in 25 hours × minutes they were seen in ×
    `max_members`, at 64 bytes an entry and its text; a key of its own costs about 200 bytes more.
    """

    def __init__(self, max_members: int = 1_000) -> None:
        self._max_members = max_members
        self._entries: dict[str, Entries] = {}
        self._by_minute: dict[int, list[Entries]] = {}
        self._last_minute = 0
        self._oldest: int | None = None
        self._horizon: int | None = None

    def add(self, key: str, member: str, at_ms: int) -> None:
        """Add a member to the bucket of its minute; a full bucket keeps the smallest members."""
        minute = at_ms // MINUTE_MS
        if self._horizon is not None and minute < self._horizon:
            return
        if minute == self._last_minute:
            minute = self._last_minute  # one int object for all entries of a minute: 32 bytes less for each
        self._last_minute = minute
        entry = (minute, member)
        entries = self._entries.get(key)
        if entries is None:
            entries = self._entries[key] = Entries(key, entry)
            self._note(minute, entries)
            return
        youngest = minute > entries[-1][0]
        place = len(entries) if youngest else bisect_left(entries, entry)
        if place < len(entries) and entries[place] == entry:
            return
        start = place if youngest else bisect_left(entries, (minute,))
        end = place if youngest else bisect_left(entries, (minute + 1,))
        if end - start >= self._max_members:
            if place == end:
                return
            del entries[end - 1]
            entries.recent = None
        entries.insert(place, entry)
        if start == end:
            self._note(minute, entries)
        if entries.recent is not None and minute >= entries.recent.newest:
            entries.recent.see(minute, member)
        else:
            entries.recent = None

    def _note(self, minute: int, entries: Entries) -> None:
        self._by_minute.setdefault(minute, []).append(entries)
        if self._oldest is None or minute < self._oldest:
            self._oldest = minute

    def members(self, key: str, *, after_minute: int, up_to_minute: int) -> set[str]:
        """Return the distinct members in the buckets `after_minute` < minute ≤ `up_to_minute`."""
        entries = self._entries.get(key)
        if entries is None:
            return set()
        start, end = _span(entries, after_minute, up_to_minute)
        return {member for _, member in entries[start:end]}

    def count(self, key: str, *, after_minute: int, up_to_minute: int, including: str | None = None) -> int:
        """Return the number of distinct members in those buckets, `including` counted as one of them."""
        entries = self._entries.get(key)
        if entries is None:
            return int(including is not None)
        if len(entries) >= BUSY_ENTRIES and entries[-1][0] <= up_to_minute:
            if entries.recent is None:
                entries.recent = Recency(entries)
            return entries.recent.count(after_minute, including)
        found = self.members(key, after_minute=after_minute, up_to_minute=up_to_minute)
        return len(found) + (including is not None and including not in found)

    def latest(self, key: str, *, after_minute: int, up_to_minute: int, at_least: int) -> set[str]:
        """Return the distinct members of the latest of those buckets: complete buckets, until there are `at_least`."""
        entries = self._entries.get(key)
        if entries is None:
            return set()
        start, end = _span(entries, after_minute, up_to_minute)
        if end - start > at_least:
            start = max(start, bisect_left(entries, (entries[end - at_least][0],)))
        return {member for _, member in entries[start:end]}

    def evict(self, before_minute: int) -> None:
        """Forget every bucket of an earlier minute, and ignore later additions to them."""
        self._horizon = before_minute if self._horizon is None else max(before_minute, self._horizon)
        if self._oldest is None or self._oldest >= before_minute:
            return
        for minute in [minute for minute in self._by_minute if minute < before_minute]:
            for entries in self._by_minute.pop(minute):
                self._trim(entries, before_minute)
        self._oldest = min(self._by_minute, default=None)

    def _trim(self, entries: Entries, before_minute: int) -> None:
        if not entries:
            return
        del entries[: bisect_left(entries, (before_minute,))]
        if not entries:
            del self._entries[entries.key]
        elif len(entries) < BUSY_ENTRIES:
            entries.recent = None
        elif entries.recent is not None:
            entries.recent.forget(before_minute)

    def dump(self) -> Iterator[tuple[str, int, list[str]]]:
        """Yield every bucket: key, minute, members in order."""
        for key, entries in self._entries.items():
            for minute, bucket in groupby(entries, key=lambda entry: entry[0]):
                yield key, minute, [member for _, member in bucket]

    def load(self, buckets: Iterable[tuple[str, int, list[str]]]) -> None:
        """Restore dumped buckets."""
        for key, minute, members in buckets:
            for member in members:
                self.add(key, member, minute * MINUTE_MS)

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._entries.values())


def _span(entries: Entries, after_minute: int, up_to_minute: int) -> tuple[int, int]:
    """Return begin and end of the entries with after_minute < minute ≤ up_to_minute."""
    end = len(entries) if entries[-1][0] <= up_to_minute else bisect_left(entries, (up_to_minute + 1,))
    return bisect_left(entries, (after_minute + 1,)), end
