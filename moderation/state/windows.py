"""Recent members by key, as sets in minute buckets of event time, so that a replay is idempotent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

MINUTE_MS = 60_000


class WindowStore(Protocol):
    """Sets of members by key and minute. Adding is the only change, so that it is idempotent."""

    def add(self, key: str, member: str, at_ms: int) -> None:
        """Add a member to the bucket of its minute."""

    def members(self, key: str, *, after_minute: int, up_to_minute: int) -> set[str]:
        """Return the distinct members in the buckets `after_minute` < minute ≤ `up_to_minute`."""

    def count(self, key: str, *, after_minute: int, up_to_minute: int, including: str | None = None) -> int:
        """Return the number of distinct members in those buckets, `including` counted as one of them."""

    def latest(self, key: str, *, after_minute: int, up_to_minute: int, at_least: int) -> set[str]:
        """Return the distinct members of the latest of those buckets: complete buckets, until there are `at_least`."""

    def evict(self, before_minute: int) -> None:
        """Forget every bucket of an earlier minute, and ignore later additions to them."""

    def dump(self) -> Iterator[tuple[str, int, list[str]]]:
        """Yield every bucket: key, minute, members; for a snapshot."""

    def load(self, buckets: Iterable[tuple[str, int, list[str]]]) -> None:
        """Restore dumped buckets."""
