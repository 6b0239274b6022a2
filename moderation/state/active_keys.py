"""Keys by the hour or day in which they were active, so that idle ones are found without a search of all."""

from __future__ import annotations

from array import array
from collections import defaultdict


def keys_by_period() -> defaultdict[int, array[int]]:
    """Return a dictionary of the keys of each period; 8 bytes a key, where a list of numbers takes 40."""
    return defaultdict(lambda: array("Q"))
