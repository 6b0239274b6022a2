"""Keys by an hour or day in which they were active, so that idle ones are found without a search of all.

A key is in one period. When this is over, the key is dropped, or moved to the period that it was active in since.
"""

from __future__ import annotations

from array import array
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray


def keys_by_period() -> defaultdict[int, array[int]]:
    """Return a dictionary of the keys of each period; 8 bytes a key, where a list of numbers takes 40."""
    return defaultdict(lambda: array("Q"))


def add_keys(active: defaultdict[int, array[int]], periods: NDArray[np.uint64], keys: NDArray[np.uint64]) -> None:
    """Add keys to their periods."""
    for period in np.unique(periods).tolist():
        active[period].frombytes(keys[periods == period].tobytes())
