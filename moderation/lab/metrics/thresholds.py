"""The two thresholds that the tables use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def threshold_at(humans: NDArray[np.float64], fpr: float) -> float:
    """Return the lowest threshold that at most the share *fpr* of *humans*, at least one, lies strictly above."""
    allowed = int(np.floor(fpr * len(humans) + 1e-9))
    return float(np.sort(humans)[::-1][min(allowed, len(humans) - 1)])


def balanced_threshold(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the threshold at which TPR and TNR have the greatest mean, strictly above counting as machine.

    It lies half-way between two scores, so that no text stands on it. Both labels must occur.
    """
    values, place = np.unique(scores, return_inverse=True)
    machine = np.bincount(place, labels == 1, len(values))
    human = np.bincount(place, labels == 0, len(values))
    below = np.cumsum(human) / human.sum()
    above = 1 - np.cumsum(machine) / machine.sum()
    best = int(np.argmax(below + above))
    return float((values[best] + values[min(best + 1, len(values) - 1)]) / 2)
