"""Typing rhythm: figures of the times between key presses, for many posts at once.

Every figure of a post depends on its own times only, whatever other posts are computed with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
BINS_PER_OCTAVE = 4
_LARGEST_BIN = 1 << 10
_NO_SPREAD = 1e-9

RHYTHM = (
    "typing_interval_median_ms",
    "typing_interval_iqr_ratio",
    "typing_interval_cv",
    "typing_interval_entropy_bits",
    "typing_interval_lag1",
    "typing_interval_repeated_share",
)


def rhythms(posts: Sequence[Sequence[float] | Values]) -> Values:
    """Return the figures of the times of each post, at least three each, shape (posts, 6), in the order of `RHYTHM`.

    NaN where a figure is not defined, such as the correlation of constant times.
    """
    if not posts:
        return np.zeros((0, len(RHYTHM)))
    lengths = np.array([len(times) for times in posts])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    values = np.concatenate([np.asarray(times, dtype=np.float64) for times in posts])
    owner = np.repeat(np.arange(len(posts)), lengths)
    median, spread = _quartiles(values, owner, starts, lengths)
    mean = np.add.reduceat(values, starts) / lengths
    variance = np.add.reduceat((values - mean[owner]) ** 2, starts) / lengths
    with np.errstate(divide="ignore", invalid="ignore"):
        iqr_ratio = np.where(median > 0, spread / median, np.nan)
        cv = np.where(mean > 0, np.sqrt(variance) / mean, np.nan)
    same = np.concatenate([values[1:] == values[:-1], [False]])
    same[starts + lengths - 1] = False
    repeated = np.add.reduceat(same.astype(np.int64), starts) / (lengths - 1)
    logs = np.log(np.maximum(values, 1.0))
    entropy = _entropy(values, owner, lengths)
    return np.stack([median, iqr_ratio, cv, entropy, _lag1(logs, owner, starts, lengths), repeated], axis=1)


def _quartiles(
    values: Values, owner: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[Values, Values]:
    """Return median and interquartile range of each post, interpolated as by numpy.percentile."""
    ordered = values[np.lexsort((values, owner))]
    found = []
    for quarter in (1, 2, 3):
        place = (lengths - 1) * quarter / 4
        below = place.astype(np.int64)
        low, high = ordered[starts + below], ordered[starts + np.minimum(below + 1, lengths - 1)]
        found.append(low + (high - low) * (place - below))
    return found[1], found[2] - found[0]


def _entropy(values: Values, owner: NDArray[np.int64], lengths: NDArray[np.int64]) -> Values:
    """Return the entropy of each post's times in quarter-octave bins, in bits."""
    bins = (np.log2(np.maximum(values, 1.0)) * BINS_PER_OCTAVE).astype(np.int64)
    keys, counts = np.unique(owner * _LARGEST_BIN + bins, return_counts=True)
    owners = keys // _LARGEST_BIN
    shares = counts / lengths[owners]
    begins = np.searchsorted(owners, np.arange(len(lengths)))
    bits: Values = np.add.reduceat(-shares * np.log2(shares), begins)
    return np.abs(bits)


def _lag1(logs: Values, owner: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Values:
    """Return the correlation of the logarithm of each time with the next one's."""
    inner = np.ones(len(logs), dtype=np.bool_)
    inner[starts + lengths - 1] = False
    first, second = logs[:-1][inner[:-1]], logs[1:][inner[:-1]]
    of, begins, pairs = owner[:-1][inner[:-1]], starts - np.arange(len(starts)), lengths - 1
    first = first - (np.add.reduceat(first, begins) / pairs)[of]
    second = second - (np.add.reduceat(second, begins) / pairs)[of]
    scale = np.sqrt(np.add.reduceat(first**2, begins) * np.add.reduceat(second**2, begins))
    together = np.add.reduceat(first * second, begins)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > _NO_SPREAD, together / scale, np.nan)
