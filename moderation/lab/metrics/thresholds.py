"""Computes the two thresholds of the tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def threshold_at(humans: NDArray[np.float64], fpr: float) -> float:
    """Return the lowest threshold with at most the share *fpr* of *humans* (at least one) strictly above it."""
    allowed = int(np.floor(fpr * len(humans) + 1e-9))
    return float(np.sort(humans)[::-1][min(allowed, len(humans) - 1)])


def balanced_threshold(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the threshold with the greatest mean of TPR and TNR; scores strictly above it count as machine.

    It is the midpoint between two scores, so that no score equals it. Both labels must occur.
    """
    values, place = np.unique(scores, return_inverse=True)
    machine = np.bincount(place, labels == 1, len(values))
    human = np.bincount(place, labels == 0, len(values))
    below = np.cumsum(human) / human.sum()
    above = 1 - np.cumsum(machine) / machine.sum()
    best = int(np.argmax(below + above))
    return float((values[best] + values[min(best + 1, len(values) - 1)]) / 2)
