"""Search in arrays that are ordered, and in flat arrays of entries that are ordered by their first number."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray


def first_at_least(entries: array[int], width: int, value: int) -> int:
    """Return the number of the first entry of `width` numbers that begins with at least a value."""
    return bisect_left(range(len(entries) // width), value, key=lambda place: entries[place * width])


def group_ends(keys: NDArray[np.uint64]) -> tuple[list[int], list[int]]:
    """Return where each group of equal numbers begins and ends in an ordered array."""
    borders = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return [0, *borders.tolist()], [*borders.tolist(), len(keys)]
