"""Computes a threshold whose false-positive rate exceeds α with probability at most δ, from held-out genuine scores.

Source: Tong, Feng and Li, "Neyman-Pearson classification algorithms and NP receiver operating characteristics",
Science Advances 4 (2018), proposition 1. It assumes exchangeable genuine units, here accounts; ties only make it
stricter, because a flag needs a score strictly above the threshold.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom


def least_sample(alpha: float, delta: float = 0.05) -> int:
    """Return the smallest number of genuine units that can control α: n ≥ ln δ / ln(1−α)."""
    _check(alpha, delta)
    return math.ceil(math.log(delta) / math.log1p(-alpha))


def threshold_rank(n: int, alpha: float, delta: float = 0.05) -> int | None:
    """Return k* = min{k : Σ_{j≥k} C(n,j)(1−α)^j α^{n−j} ≤ δ}, counted from 1; None where n is too small.

    The sum is the probability that at most n−k of n genuine units lie above the threshold of true rate α.
    """
    _check(alpha, delta)
    if n < least_sample(alpha, delta):
        return None
    low, high = -1, n  # the number allowed above: P(Bin(n, α) ≤ low) ≤ δ < P(Bin(n, α) ≤ high)
    while high - low > 1:
        middle = (low + high) // 2
        if binom.cdf(middle, n, alpha) <= delta:
            low = middle
        else:
            high = middle
    return n - low if low >= 0 else None


def umbrella_threshold(scores: NDArray[np.float64], alpha: float, delta: float = 0.05) -> float | None:
    """Return T(k*) of the held-out genuine *scores*, shape (n,); flag strictly above it. None: n is too small.

    Raises ValueError where a score is NaN; −inf stands for a unit that can never be flagged.
    """
    if np.isnan(scores).any():
        raise ValueError("every genuine unit needs a score; give -inf to one that cannot be flagged")
    rank = threshold_rank(len(scores), alpha, delta)
    return None if rank is None else float(np.sort(scores)[rank - 1])


def _check(alpha: float, delta: float) -> None:
    if not (0.0 < alpha < 1.0 and 0.0 < delta < 1.0):
        raise ValueError(f"alpha and delta must be between 0 and 1, got {alpha} and {delta}")
