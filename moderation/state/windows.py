"""What was seen of late: sets in minute buckets of event time, so that a replay lands where the first run did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

MINUTE_MS = 60_000


class WindowStore(Protocol):
    """Sets of members by key and minute. Adding is the only change, so doing it twice is doing it once."""

    def add(self, key: str, member: str, at_ms: int) -> None:
        """Put a member into the bucket of its minute."""

    def members(self, key: str, *, after_minute: int, up_to_minute: int) -> set[str]:
        """Distinct members in the buckets `after_minute` < minute ≤ `up_to_minute`."""

    def evict(self, before_minute: int) -> None:
        """Forget every bucket of an earlier minute."""

    def dump(self) -> Iterator[tuple[str, int, list[str]]]:
        """Every bucket: key, minute, members; for a snapshot."""

    def load(self, buckets: Iterable[tuple[str, int, list[str]]]) -> None:
        """Put dumped buckets back."""


class MemoryWindowStore:
    """The window store in this process's memory.

    Bounded: a bucket holds at most `max_members` members (the count saturates there), and buckets older than the
    longest window are forgotten. Worst case: keys alive in 25 hours × minutes they were seen in × `max_members`.
    """

    def __init__(self, max_members: int = 1_000) -> None:
        self._max_members = max_members
        self._buckets: dict[str, dict[int, set[str]]] = {}
        self._by_minute: dict[int, set[str]] = defaultdict(set)
        self._oldest: int | None = None

    def add(self, key: str, member: str, at_ms: int) -> None:
        """Put a member into the bucket of its minute; a full bucket stays as it is."""
        minute = at_ms // MINUTE_MS
        bucket = self._buckets.setdefault(key, {}).setdefault(minute, set())
        if len(bucket) < self._max_members:
            bucket.add(member)
        self._by_minute[minute].add(key)
        if self._oldest is None or minute < self._oldest:
            self._oldest = minute

    def members(self, key: str, *, after_minute: int, up_to_minute: int) -> set[str]:
        """Distinct members in the buckets `after_minute` < minute ≤ `up_to_minute`."""
        found: set[str] = set()
        for minute, bucket in self._buckets.get(key, {}).items():
            if after_minute < minute <= up_to_minute:
                found |= bucket
        return found

    def evict(self, before_minute: int) -> None:
        """Forget every bucket of an earlier minute."""
        if self._oldest is None or self._oldest >= before_minute:
            return
        for minute in [minute for minute in self._by_minute if minute < before_minute]:
            for key in self._by_minute.pop(minute):
                buckets = self._buckets[key]
                del buckets[minute]
                if not buckets:
                    del self._buckets[key]
        self._oldest = min(self._by_minute, default=None)

    def dump(self) -> Iterator[tuple[str, int, list[str]]]:
        """Every bucket: key, minute, members in order."""
        for key, buckets in self._buckets.items():
            for minute, members in buckets.items():
                yield key, minute, sorted(members)

    def load(self, buckets: Iterable[tuple[str, int, list[str]]]) -> None:
        """Put dumped buckets back."""
        for key, minute, members in buckets:
            for member in members:
                self.add(key, member, minute * MINUTE_MS)

    def __len__(self) -> int:
        return sum(len(bucket) for buckets in self._buckets.values() for bucket in buckets.values())
