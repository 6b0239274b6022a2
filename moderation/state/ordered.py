"""Binary search in flat arrays of entries that are ordered by their first number."""

from __future__ import annotations

from array import array
from bisect import bisect_left


def first_at_least(entries: array[int], width: int, value: int) -> int:
    """Return the number of the first entry of `width` numbers that begins with at least a value."""
    return bisect_left(range(len(entries) // width), value, key=lambda place: entries[place * width])
