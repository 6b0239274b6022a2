"""What was seen of late: sets in minute buckets of event time, so that a replay lands where the first run did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

MINUTE_MS = 60_000


class WindowStore(Protocol):
    """Sets of members by key and minute. Adding is the only change, so doing it twice is doing it once."""

    def add(self, key: str, member: str, at_ms: int) -> None:
        """Put a member into the bucket of its minute."""

    def members(self, key: str, *, after_minute: int, up_to_minute: int) -> set[str]:
        """Distinct members in the buckets `after_minute` < minute ≤ `up_to_minute`."""

    def count(self, key: str, *, after_minute: int, up_to_minute: int, including: str | None = None) -> int:
        """How many distinct members those buckets hold, with `including` among them."""

    def latest(self, key: str, *, after_minute: int, up_to_minute: int, at_least: int) -> set[str]:
        """Distinct members of the youngest of those buckets, as many whole buckets as hold `at_least` together."""

    def evict(self, before_minute: int) -> None:
        """Forget every bucket of an earlier minute, and take none of them again."""

    def dump(self) -> Iterator[tuple[str, int, list[str]]]:
        """Every bucket: key, minute, members; for a snapshot."""

    def load(self, buckets: Iterable[tuple[str, int, list[str]]]) -> None:
        """Put dumped buckets back."""
