"""The part of the fusion that goes on rising where trees have nothing left to split on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LARGEST_SCORE = 1e6


@dataclass(frozen=True)
class Slopes:
    """Log-odds that rise piecewise linearly with one score and never fall.

    intercept + slopes[0]·s + Σ slopes[k+1]·max(0, s − knots[k]), every slope at least 0, the knots in the tail of
    genuine scores. Trees give every score beyond their last split the same value; here a rarer score counts for
    more, however far out.
    """

    intercept: float
    knots: tuple[float, ...]
    """Ascending."""
    slopes: tuple[float, ...]
    """One more than knots."""

    def __post_init__(self) -> None:
        """Raise ValueError unless there is one slope more than knots and none is negative."""
        if len(self.slopes) != len(self.knots) + 1:
            raise ValueError("a fusion needs one slope more than knots")
        if any(slope < 0 for slope in self.slopes):
            raise ValueError("a slope of the fusion is negative")
        if not np.isfinite([self.intercept, *self.knots, *self.slopes]).all():
            raise ValueError("a number of the fusion's slopes is not finite")

    def log_odds(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return shape (n,) for *scores* of shape (n,).

        Element by element, so that a row's result does not depend on the rows beside it to the last bit.
        """
        total = np.full(len(scores), self.intercept)
        # Beyond any logit there is: an infinite one times a slope of 0 would be no number.
        bounded = np.clip(scores, -_LARGEST_SCORE, _LARGEST_SCORE)
        for hinge, slope in zip(hinges(bounded, self.knots), self.slopes, strict=True):
            total += slope * hinge
        return total


def hinges(scores: NDArray[np.float64], knots: tuple[float, ...]) -> list[NDArray[np.float64]]:
    """Return the scores, shape (n,), and how far each lies beyond each knot."""
    return [scores, *(np.maximum(scores - knot, 0.0) for knot in knots)]
