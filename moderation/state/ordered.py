"""Search in arrays that are ordered, and in flat arrays of entries that are ordered by their first number."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

_SHORT = 64


def first_at_least(entries: array[int], width: int, value: int) -> int:
    """Return the number of the first entry of `width` numbers that begins with at least a value."""
    return bisect_left(range(len(entries) // width), value, key=lambda place: entries[place * width])


def inserted(numbers: array[int], place: int, some: array[int]) -> array[int]:
    """Return numbers with some more at a place; *numbers* may be changed.

    A short array is replaced by one of the exact length, because an array that grows keeps room for 7 more numbers.
    """
    if len(numbers) > _SHORT:
        numbers[place:place] = some
        return numbers
    return numbers + some if place == len(numbers) else numbers[:place] + some + numbers[place:]


def group_ends(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each group of equal numbers begins and ends in an ordered array."""
    borders = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.append(0, borders), np.append(borders, len(keys))
