"""How far probabilities are from the shares that they stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 5


def calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the expected calibration error at a prevalence of one half, where both labels weigh alike.

    The weighted mean over `BINS` equally wide bins of the distance between mean probability and share of machine texts.
    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
    """
    weights = np.where(labels == 1, 0.5 / max((labels == 1).sum(), 1), 0.5 / max((labels == 0).sum(), 1))
    which = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    error = 0.0
    for number in range(BINS):
        here = which == number
        if here.any():
            gap = weights[here] @ (probabilities[here] - labels[here])
            error += abs(float(gap))
    return error
