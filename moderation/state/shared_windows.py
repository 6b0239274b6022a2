"""Counts the distinct members of a shared key, such as the accounts on an address, over windows of event time.

Exact up to `EXACT_MEMBERS` members. A larger window is estimated from a sample: the members whose number ends in
`shift` zero bits, with the least shift that leaves at most `EXACT_MEMBERS`. The estimate is the size of the sample
times 2^shift; its relative standard error is at most sqrt(2 / EXACT_MEMBERS) = 2.2 % over the day, and
sqrt(2^shift / n) for an hour with n members. A key stores at most `STORED_MEMBERS`, so that memory and time per post
do not depend on its size; one that had more in a day stays sampled until it is idle for a day. Adding a member twice,
or in another order, has no further effect.

Source: distinct sampling, Gibbons, "Distinct sampling for highly-accurate answers to distinct values queries" (VLDB
2001). Sketches of a library keep no times, so that one would be needed for each minute of a window.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from moderation.state.active_keys import add_keys, keys_by_period
from moderation.state.members import EXACT_MEMBERS, HOUR_MINUTES, FewMembers, Members, few_members
from moderation.state.ordered import first_at_least, group_ends

DAY_MINUTES = 24 * 60
STORED_MEMBERS = 4 * EXACT_MEMBERS
PRECISE_MINUTES = 15
"""Windows that end at least this many minutes before the newest member are no longer known."""
_FIRST_COMPACTION = 64
_KEPT_FROM = 128
"""Entries from which the members of a window are kept between two reads."""

SHIFT = 3
"""Kind of a stored entry whose member is the shift of the key."""

Numbers = NDArray[np.uint64]


@dataclass
class _Kept:
    """Members of the last read, with the places of the entries that its windows begin and end with."""

    minute: int
    members: Members = field(default_factory=Members)
    day: int = 0
    hour: int = 0
    end: int = 0


_NOBODY = Members()


class SharedWindow:
    """The recent members of one key: pairs of minute and kind, and member, ordered by minute."""

    __slots__ = ("_compact_at", "_kept", "_longest", "_pairs", "_shift")

    def __init__(self, pairs: array[int] | None = None, longest_minutes: int = DAY_MINUTES, *, shift: int = 0) -> None:
        self._pairs = array("Q") if pairs is None else pairs
        self._longest = longest_minutes
        self._shift = shift
        self._compact_at = _FIRST_COMPACTION
        self._kept: _Kept | None = None
        if len(self) >= self._compact_at:
            self._compact()

    @property
    def newest_minute(self) -> int:
        """The minute of the latest member; -1 without one."""
        return int(self._pairs[-2] >> 2) if self._pairs else -1

    @property
    def shift(self) -> int:
        """Only members that end in this many zero bits are stored."""
        return self._shift

    def raise_shift(self, shift: int) -> None:
        """Store only members that end in this many zero bits, as another sidecar does."""
        if shift > self._shift:
            self._shift = shift
            self._compact()

    def __len__(self) -> int:
        return len(self._pairs) // 2

    def add(self, minute: int, kind: int, member: int) -> None:
        """Add a member in a minute."""
        if self._shift and member & ((1 << self._shift) - 1):
            return
        if not insert_pair(self._pairs, minute << 2 | kind, member):
            return
        if self._kept is not None and minute <= self._kept.minute:
            self._kept = None
        if len(self) >= self._compact_at:
            self._compact()

    def _compact(self) -> None:
        """Drop repeated entries: of the minutes that no window ends with any more, the latest of each member stays."""
        newest = self.newest_minute
        latest: dict[tuple[int, int], int] = {}
        recent: set[tuple[int, int]] = set()
        for tag, member in self._entries(0, len(self)):
            minute = tag >> 2
            if minute > newest - PRECISE_MINUTES:
                recent.add((tag, member))
            elif minute > newest - self._longest - PRECISE_MINUTES:
                latest[member, tag & 3] = tag
        mask = (1 << self._shift) - 1
        kept = {(tag, member) for (member, _), tag in latest.items() if not member & mask}
        kept |= {(tag, member) for tag, member in recent if not member & mask}
        while len({member for _, member in kept}) > STORED_MEMBERS:
            self._shift += 1
            kept = {(tag, member) for tag, member in kept if not member & ((1 << self._shift) - 1)}
        self._pairs = array("Q", (value for pair in sorted(kept) for value in pair))
        self._compact_at = max(_FIRST_COMPACTION, 2 * len(self))
        self._kept = None

    def _entries(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        some = self._pairs[2 * begin : 2 * end]
        return zip(some[0::2], some[1::2], strict=True)

    def read(self, up_to_minute: int) -> Members | FewMembers:
        """Return the members of the hour and of the day that end with a minute, inclusive.

        The members of a large key are kept, so that a read costs as much as the entries between it and the last one.
        They must not be modified, and are valid until the next call.
        """
        if len(self) < _KEPT_FROM and not self._shift:
            return few_members(self._pairs, up_to_minute, self._longest)
        if self._kept is not None and self._kept.minute == up_to_minute:
            return self._kept.members
        end = self._first_from(up_to_minute + 1)
        day = self._first_from(up_to_minute - self._longest + 1)
        hour = self._first_from(up_to_minute - HOUR_MINUTES + 1)
        kept = self._kept
        if kept is None:
            kept = self._kept = _Kept(up_to_minute)
        if (day, hour, end) != (kept.day, kept.hour, kept.end):
            self._move(kept, day, hour, end)
            kept.members.shift = kept.members.day.sample_shift(self._shift)
        kept.minute = up_to_minute
        return kept.members

    def _first_from(self, minute: int) -> int:
        """Return the number of the first entry of a minute or a later one."""
        pairs, tag = self._pairs, minute << 2
        if not pairs or pairs[0] >= tag:
            return 0
        return len(self) if pairs[-2] < tag else first_at_least(pairs, 2, tag)

    def _move(self, kept: _Kept, day: int, hour: int, end: int) -> None:
        """Move the windows of a kept read forward or back."""
        members = kept.members
        moves = [(kept.end, end, 1), (end, kept.end, -1)]
        for begin, stop, step in [*moves, (day, kept.day, 1), (kept.day, day, -1)]:
            for tag, member in self._entries(begin, stop):
                members.add_to_day(tag, member, step)
        for begin, stop, step in [*moves, (hour, kept.hour, 1), (kept.hour, hour, -1)]:
            for _, member in self._entries(begin, stop):
                members.hour.add(member, step)
        kept.day, kept.hour, kept.end = day, hour, end


class SharedWindows:
    """One window per key. A key that had no member for `kept_minutes` is dropped.

    Most keys have few members: they are kept as a bare array, which takes a third less memory.
    """

    def __init__(self, kept_minutes: int, longest_minutes: int = DAY_MINUTES, *, evicts: bool = True) -> None:
        """Without *evicts*, keys stay until they are forgotten."""
        self._kept_minutes = kept_minutes
        self._longest = longest_minutes
        self._evicts = evicts
        self._windows: dict[int, array[int] | SharedWindow] = {}
        self._active = keys_by_period()
        self._horizon = -1

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def entries(self) -> int:
        """The number of stored members of all keys."""
        return sum(len(kept) if isinstance(kept, SharedWindow) else len(kept) // 2 for kept in self._windows.values())

    def add(self, key: int, minute: int, kind: int, member: int) -> None:
        """Add a member to the window of a key."""
        if minute < self._horizon:
            return
        kept = self._windows.get(key)
        if kept is None:
            self._windows[key] = array("Q", (minute << 2 | kind, member))
            if self._evicts:
                self._active[minute // HOUR_MINUTES].append(key)
            return
        if isinstance(kept, SharedWindow):
            kept.add(minute, kind, member)
        elif insert_pair(kept, minute << 2 | kind, member) and len(kept) >= 2 * _KEPT_FROM:
            self._windows[key] = SharedWindow(kept, self._longest)

    def read(self, key: int, up_to_minute: int) -> Members | FewMembers:
        """Return the members of a key in the windows that end with a minute, inclusive."""
        kept = self._windows.get(key)
        if kept is None:
            return _NOBODY
        if isinstance(kept, SharedWindow):
            return kept.read(up_to_minute)
        return few_members(kept, up_to_minute, self._longest)

    def only(self, key: int, member: int) -> bool:
        """Return whether a key has no other member; also False where that takes longer to find out."""
        kept = self._windows.get(key)
        return kept is None or (not isinstance(kept, SharedWindow) and all(one == member for one in kept[1::2]))

    def evict(self, now_minute: int) -> None:
        """Drop the keys without a member in the kept minutes; earlier members are ignored from now on."""
        self._horizon = now_minute - self._kept_minutes
        for hour in [hour for hour in self._active if (hour + 1) * HOUR_MINUTES <= self._horizon]:
            for key in self._active.pop(hour):
                newest_minute = _newest_minute(self._windows[key])
                if newest_minute < self._horizon:
                    del self._windows[key]
                else:
                    self._active[newest_minute // HOUR_MINUTES].append(key)

    def shift(self, key: int) -> int:
        """Return how many zero bits the stored members of a key end in at least."""
        kept = self._windows.get(key)
        return kept.shift if isinstance(kept, SharedWindow) else 0

    def add_stored(self, key: int, pairs: array[int]) -> None:
        """Add entries that were stored, in order; those of the kind `SHIFT` have the shift of a sampled key."""
        shift = max((pairs[place + 1] for place in range(0, len(pairs), 2) if pairs[place] & 3 == SHIFT), default=0)
        if shift:
            entries = (pairs[place : place + 2] for place in range(0, len(pairs), 2) if pairs[place] & 3 != SHIFT)
            pairs = array("Q", (value for entry in entries for value in entry))
        kept = self._windows.get(key)
        if kept is None:
            large = shift or len(pairs) >= 2 * _KEPT_FROM
            self._windows[key] = SharedWindow(pairs, self._longest, shift=shift) if large else pairs
            return
        if shift:
            kept = self._windows[key] = kept if isinstance(kept, SharedWindow) else SharedWindow(kept, self._longest)
            kept.raise_shift(shift)
        for place in range(0, len(pairs), 2):
            self.add(key, pairs[place] >> 2, pairs[place] & 3, pairs[place + 1])

    def forget(self, key: int) -> None:
        """Drop a key."""
        self._windows.pop(key, None)

    def load(self, keys: Numbers, minutes: Numbers, kinds: Numbers, members: Numbers) -> None:
        """Add many members to empty windows at once; keys of 0 and members that are too old are left out."""
        rows = np.stack([keys, minutes << np.uint64(2) | kinds, members], axis=1)
        rows = rows[(keys > 0) & (minutes.astype(np.int64) >= self._horizon)]
        rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
        if not len(rows):
            return
        different = np.ones(len(rows), dtype=np.bool_)
        different[1:] = np.any(rows[1:] != rows[:-1], axis=1)
        rows = rows[different]
        starts, ends = group_ends(rows[:, 0])
        pairs, names = rows[:, 1:].tobytes(), rows[starts, 0]
        for key, start, end in zip(names.data, starts.data, ends.data, strict=True):
            kept = array("Q", pairs[16 * start : 16 * end])
            self._windows[key] = kept if end - start < _KEPT_FROM else SharedWindow(kept, self._longest)
        newest = rows[ends - 1, 1] >> np.uint64(2)
        add_keys(self._active, newest // np.uint64(HOUR_MINUTES), names)


def _newest_minute(kept: array[int] | SharedWindow) -> int:
    return kept.newest_minute if isinstance(kept, SharedWindow) else kept[-2] >> 2


def insert_pair(pairs: array[int], tag: int, member: int) -> bool:
    """Insert a pair in order; return False where one of the last entries of the minute is the same."""
    if not pairs or tag > pairs[-2]:
        pairs.append(tag)
        pairs.append(member)
        return True
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
