"""Evidence against a promised rate of errors, which may be read after every verdict."""

from __future__ import annotations

from math import lgamma, log, log1p

from scipy.stats import beta


def log_evidence(errors: int, n: int, most: float) -> float:
    """Return the logarithm of the evidence that errors are more frequent than *most*, after *errors* in *n* cases.

    If they are not, the evidence ever exceeds 1/δ with a probability of at most δ, however often it is read: it is the
    likelihood, averaged over all larger rates, by the largest one of a rate of at most *most*, which is a
    supermartingale (Ville's inequality). Sources: Robbins, "Statistical methods related to the law of the iterated
    logarithm" (1970); Howard et al., "Time-uniform, nonparametric, nonasymptotic confidence sequences" (2021). Raises
    ValueError for a rate that is not between 0 and 1, or more errors than cases.
    """
    if not 0 < most < 1 or not 0 <= errors <= n:
        raise ValueError(f"{errors} errors in {n} cases with a rate of {most} are not possible")
    correct = n - errors
    averaged = _log_beta(errors + 1, correct + 1) + float(beta.logsf(most, errors + 1, correct + 1)) - log1p(-most)
    return averaged - errors * log(most) - correct * log1p(-most)


def _log_beta(one: int, other: int) -> float:
    return lgamma(one) + lgamma(other) - lgamma(one + other)
