"""Counts the distinct members of a shared key, such as the accounts on an address, over windows of event time.

Exact up to `EXACT_MEMBERS` members. A larger key keeps a sample: the members whose number ends in `shift` zero bits, so
that memory and time per post do not depend on the size of the key. The estimate is the size of the sample times
2^shift; its relative standard error is at most sqrt(2 / EXACT_MEMBERS) = 2.2 % over all members of the key, and
sqrt(2^shift / n) for a window with n of them. Adding a member twice, or in another order, has no further effect.

Source: distinct sampling, Gibbons, "Distinct sampling for highly-accurate answers to distinct values queries" (VLDB
2001). Sketches of a library keep no times, so that one would be needed for each minute of a window.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import NamedTuple

MINUTE_MS = 60_000
HOUR_MINUTES = 60
DAY_MINUTES = 24 * 60
EXACT_MEMBERS = 4096
PRECISE_MINUTES = 15
"""Windows that end at least this many minutes before the newest member are no longer known."""
_FIRST_COMPACTION = 64
_CACHED_FROM = 64

UNKNOWN_AGE, NEW, SETTLED = 0, 1, 2
"""Kinds of member: an account of unknown age, a new one, an older one."""


class Members(NamedTuple):
    """The distinct members of the windows of an hour and a day that end with the same minute."""

    hour: frozenset[int]
    day: frozenset[int]
    new: frozenset[int]
    settled: frozenset[int]
    shift: int

    def number(self, members: frozenset[int], own: int, *, is_one: bool = True) -> int:
        """Return the number of members; `own` counts as one of them, or only where it is in the window."""
        others = (len(members) - (own in members)) << self.shift
        return others + (is_one or own in members)


_NOBODY = Members(frozenset(), frozenset(), frozenset(), frozenset(), 0)


class SharedWindow:
    """The recent members of one key: pairs of minute and kind, and member, ordered by minute."""

    __slots__ = ("_compact_at", "_pairs", "_read", "_read_minute", "_shift")

    def __init__(self) -> None:
        self._pairs = array("Q")
        self._shift = 0
        self._compact_at = _FIRST_COMPACTION
        self._read: Members | None = None
        self._read_minute = -1

    @property
    def newest_minute(self) -> int:
        """The minute of the latest member; -1 without one."""
        return int(self._pairs[-2] >> 2) if self._pairs else -1

    def __len__(self) -> int:
        return len(self._pairs) // 2

    def add(self, minute: int, kind: int, member: int) -> None:
        """Add a member in a minute."""
        if self._shift and member & ((1 << self._shift) - 1):
            return
        pairs, tag = self._pairs, minute << 2 | kind
        if not pairs or tag > pairs[-2]:
            pairs.append(tag)
            pairs.append(member)
        elif not self._insert(tag, member):
            return
        if minute <= self._read_minute:
            self._read = None
        if len(pairs) >= 2 * self._compact_at:
            self._compact()

    def _insert(self, tag: int, member: int) -> bool:
        """Insert before the later entries; return False where the last entries of the minute have the member."""
        pairs = self._pairs
        place = len(pairs)
        while place and pairs[place - 2] > tag:
            place -= 2
        near = place
        while near and near > place - 16 and pairs[near - 2] == tag:
            if pairs[near - 1] == member:
                return False
            near -= 2
        pairs.insert(place, member)
        pairs.insert(place, tag)
        return True

    def _compact(self) -> None:
        """Drop repeated entries: of the minutes that no window ends with any more, the latest of each member stays."""
        newest = self.newest_minute
        latest: dict[tuple[int, int], int] = {}
        recent: set[tuple[int, int]] = set()
        tags, members = self._pairs[0::2], self._pairs[1::2]
        for tag, member in zip(tags, members, strict=True):
            minute = tag >> 2
            if minute > newest - PRECISE_MINUTES:
                recent.add((tag, member))
            elif minute > newest - DAY_MINUTES - PRECISE_MINUTES:
                latest[member, tag & 3] = tag
        kept = {(tag, member) for (member, _), tag in latest.items()} | recent
        while len({member for _, member in kept}) > EXACT_MEMBERS:
            self._shift += 1
            kept = {(tag, member) for tag, member in kept if not member & ((1 << self._shift) - 1)}
        self._pairs = array("Q", (value for pair in sorted(kept) for value in pair))
        self._compact_at = max(_FIRST_COMPACTION, len(self._pairs))
        self._read = None

    def read(self, up_to_minute: int) -> Members:
        """Return the distinct members of the hour and of the day that end with a minute, inclusive."""
        if self._read is not None and self._read_minute == up_to_minute:
            return self._read
        tags, members = self._pairs[0::2], self._pairs[1::2]
        end = bisect_left(tags, (up_to_minute + 1) << 2)
        day = bisect_left(tags, (max(up_to_minute - DAY_MINUTES, -1) + 1) << 2, 0, end)
        if day == end:
            return _NOBODY
        hour = bisect_left(tags, (max(up_to_minute - HOUR_MINUTES, -1) + 1) << 2, day, end)
        kinds = list(zip(tags[day:end], members[day:end], strict=True))
        found = Members(
            hour=frozenset(members[hour:end]),
            day=frozenset(members[day:end]),
            new=frozenset(member for tag, member in kinds if tag & 3 == NEW),
            settled=frozenset(member for tag, member in kinds if tag & 3 == SETTLED),
            shift=self._shift,
        )
        if len(tags) >= _CACHED_FROM:
            self._read, self._read_minute = found, up_to_minute
        return found


class SharedWindows:
    """One window per key. A key that had no member for `kept_minutes` is dropped."""

    def __init__(self, kept_minutes: int) -> None:
        self._kept_minutes = kept_minutes
        self._windows: dict[int, SharedWindow] = {}
        self._active: dict[int, list[int]] = {}
        self._horizon = -1

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def entries(self) -> int:
        """The number of stored members of all keys."""
        return sum(map(len, self._windows.values()))

    def add(self, key: int, minute: int, kind: int, member: int) -> None:
        """Add a member to the window of a key."""
        if minute < self._horizon:
            return
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = SharedWindow()
        if minute // HOUR_MINUTES > window.newest_minute // HOUR_MINUTES:
            self._active.setdefault(minute // HOUR_MINUTES, []).append(key)
        window.add(minute, kind, member)

    def read(self, key: int, up_to_minute: int) -> Members:
        """Return the members of a key in the windows that end with a minute, inclusive."""
        window = self._windows.get(key)
        return _NOBODY if window is None else window.read(up_to_minute)

    def evict(self, now_minute: int) -> None:
        """Drop the keys without a member in the kept minutes; earlier members are ignored from now on."""
        self._horizon = now_minute - self._kept_minutes
        for hour in [hour for hour in self._active if (hour + 1) * HOUR_MINUTES <= self._horizon]:
            for key in self._active.pop(hour):
                window = self._windows.get(key)
                if window is not None and window.newest_minute < self._horizon:
                    del self._windows[key]
