"""The piecewise linear part of the fusion, which also rises beyond the last split of the trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LARGEST_SCORE = 1e6


@dataclass(frozen=True)
class Slopes:
    """Log-odds that are piecewise linear and monotone in one score.

    intercept + slopes[0]·s + Σ slopes[k+1]·max(0, s − knots[k]), every slope at least 0, the knots in the tail of
    genuine scores. Trees return the same value for all scores beyond their last split; slopes continue to rise.
    """

    intercept: float
    knots: tuple[float, ...]
    """Knots in ascending order."""
    slopes: tuple[float, ...]
    """Slopes; one more than knots."""

    def __post_init__(self) -> None:
        """Raise ValueError unless there is one slope more than knots and none is negative."""
        if len(self.slopes) != len(self.knots) + 1:
            raise ValueError("a fusion needs one slope more than knots")
        if any(slope < 0 for slope in self.slopes):
            raise ValueError("a slope of the fusion is negative")
        if not np.isfinite([self.intercept, *self.knots, *self.slopes]).all():
            raise ValueError("a number of the fusion's slopes is not finite")

    def log_odds(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of *scores*, both of shape (n,).

        Computed element by element, so that a result does not depend on other rows to the last bit.
        """
        total = np.full(len(scores), self.intercept)
        # Clipped beyond all finite logits, because an infinite one times a slope of 0 is NaN.
        bounded = np.clip(scores, -_LARGEST_SCORE, _LARGEST_SCORE)
        for hinge, slope in zip(hinges(bounded, self.knots), self.slopes, strict=True):
            total += slope * hinge
        return total


def hinges(scores: NDArray[np.float64], knots: tuple[float, ...]) -> list[NDArray[np.float64]]:
    """Return the scores and their distances beyond each knot, arrays of shape (n,)."""
    return [scores, *(np.maximum(scores - knot, 0.0) for knot in knots)]
