"""Members of a shared key, such as the accounts on an address, in the hour and the day that end with a minute."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import compress

HOUR_MINUTES = 60
EXACT_MEMBERS = 4096
"""More members than these are sampled."""
UNKNOWN_AGE, NEW, SETTLED = 0, 1, 2
"""Kinds of member: an account of unknown age, a new one, an older one."""
_IS_KIND = {kind: bytes(byte & 3 == kind for byte in range(256)) for kind in (NEW, SETTLED)}
"""For each kind of member, whether the lowest byte of a tag has it."""
_LOWEST_BYTE = 0 if sys.byteorder == "little" else 7


class Counted:
    """Members with their number of entries, and how many members end in at least how many zero bits."""

    __slots__ = ("_levels", "entries")

    def __init__(self, entries: dict[int, int] | None = None) -> None:
        self.entries = entries if entries is not None else {}
        self._levels: list[int] | None = None
        """Members by their number of zero bits, counted when the first sample is read."""

    def add(self, member: int, step: int) -> None:
        """Add an entry of a member, or remove it with a step of −1."""
        before = self.entries.get(member, 0)
        after = before + step
        if after:
            self.entries[member] = after
        else:
            del self.entries[member]
        if self._levels is not None and not (before and after):
            self._levels[(member & -member).bit_length() - 1] += step

    def size(self, shift: int) -> int:
        """Return the number of members that end in `shift` zero bits."""
        if not shift:
            return len(self.entries)
        if self._levels is None:
            self._levels = [0] * 64
            for member in self.entries:
                self._levels[(member & -member).bit_length() - 1] += 1
        return sum(self._levels[shift:])

    def sample_shift(self, least: int) -> int:
        """Return the least shift, from *least* on, with which at most `EXACT_MEMBERS` members are left."""
        shift = least
        if len(self.entries) > EXACT_MEMBERS:
            while self.size(shift) > EXACT_MEMBERS:
                shift += 1
        return shift


@dataclass
class Members:
    """The members of the windows of an hour and a day that end with the same minute."""

    hour: Counted = field(default_factory=Counted)
    day: Counted = field(default_factory=Counted)
    new: Counted = field(default_factory=Counted)
    settled: Counted = field(default_factory=Counted)
    shift: int = 0

    def number(self, members: Counted, own: int, *, is_one: bool = True) -> int:
        """Return the number of members; `own` counts as one of them, or only where it is in the window."""
        inside = own in members.entries
        sampled = inside and not own & ((1 << self.shift) - 1)
        return ((members.size(self.shift) - sampled) << self.shift) + (is_one or inside)

    def add_to_day(self, tag: int, member: int, step: int) -> None:
        """Add an entry to the day, or remove it with a step of −1."""
        self.day.add(member, step)
        if tag & 3 == NEW:
            self.new.add(member, step)
        elif tag & 3 == SETTLED:
            self.settled.add(member, step)


class FewMembers:
    """The same of a few entries, of which none is sampled; only what is read is counted."""

    __slots__ = ("_hour", "_members", "_tags")

    def __init__(self, tags: array[int], members: array[int], hour: int) -> None:
        """Take the entries of the day in order, of which those from *hour* on are in the hour."""
        self._tags = tags
        self._members = members
        self._hour = hour

    shift = 0

    @property
    def hour(self) -> Counted:
        """The members of the hour."""
        return Counted(dict.fromkeys(self._members[self._hour :], 1))

    @property
    def day(self) -> Counted:
        """The members of the day."""
        return Counted(dict.fromkeys(self._members, 1))

    @property
    def new(self) -> Counted:
        """The new accounts of the day."""
        return self._of_kind(NEW)

    @property
    def settled(self) -> Counted:
        """The older accounts of the day."""
        return self._of_kind(SETTLED)

    def _of_kind(self, kind: int) -> Counted:
        return Counted(dict.fromkeys(compress(self._members, self._lowest_bytes.translate(_IS_KIND[kind])), 1))

    @property
    def _lowest_bytes(self) -> bytes:
        return self._tags.tobytes()[_LOWEST_BYTE :: self._tags.itemsize]

    def number(self, members: Counted, own: int, *, is_one: bool = True) -> int:
        """Return the number of members; `own` counts as one of them, or only where it is in the window."""
        inside = own in members.entries
        return len(members.entries) - inside + (is_one or inside)


def few_members(pairs: array[int], up_to_minute: int, longest_minutes: int) -> FewMembers:
    """Return the members of a few pairs in the windows that end with a minute, inclusive."""
    tags, members = pairs[0::2], pairs[1::2]
    end = len(tags)
    if end and tags[-1] >= (up_to_minute + 1) << 2:
        end = bisect_left(tags, (up_to_minute + 1) << 2)
        tags, members = tags[:end], members[:end]
    begin = (up_to_minute - longest_minutes + 1) << 2
    if end and tags[0] < begin:
        day = bisect_left(tags, begin)
        tags, members = tags[day:], members[day:]
    return FewMembers(tags, members, bisect_left(tags, (up_to_minute - HOUR_MINUTES + 1) << 2))
