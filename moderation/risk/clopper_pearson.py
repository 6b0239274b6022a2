"""Computes exact binomial bounds, and the sample that a false-positive rate needs.

Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26 (1934). The bounds are exact, hence conservative; they assume independent units.
"""

from __future__ import annotations

from scipy.stats import beta, binom


def upper_bound(errors: int, n: int, confidence: float = 0.95) -> float:
    """Return the one-sided upper confidence bound of a rate after *errors* among *n*; 1.0 when n is 0."""
    _check(errors, n, confidence)
    return 1.0 if errors >= n else float(beta.ppf(confidence, errors + 1, n - errors))


def lower_bound(errors: int, n: int, confidence: float = 0.95) -> float:
    """Return the one-sided lower confidence bound of a rate after *errors* among *n*; 0.0 when n is 0."""
    _check(errors, n, confidence)
    return 0.0 if errors == 0 else float(beta.ppf(1.0 - confidence, errors, n - errors + 1))


def interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval, each tail taking half of what *confidence* leaves."""
    tail = 1.0 - (1.0 - confidence) / 2.0
    return lower_bound(successes, n, tail), upper_bound(successes, n, tail)


def needed_sample(rate: float, errors: int = 0, confidence: float = 0.95) -> int:
    """Return the smallest n for which *errors* among n still certify *rate* (one-sided).

    The bound is at or below *rate* exactly when P(Bin(n, rate) ≤ errors) ≤ 1 − confidence.
    """
    if not 0.0 < rate < 1.0:
        raise ValueError(f"a rate must be between 0 and 1, got {rate}")
    low, high = errors, errors + 1
    while binom.cdf(errors, high, rate) > 1.0 - confidence:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if binom.cdf(errors, middle, rate) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def _check(errors: int, n: int, confidence: float) -> None:
    if not 0 <= errors <= n:
        raise ValueError(f"errors must be from 0 to n, got {errors} of {n}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence must be between 0 and 1, got {confidence}")
