"""Computes how rare a family score is among posts of genuine accounts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


class Reference:
    """A sorted sample of genuine scores of one family, with which new scores are ranked."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        """Store the genuine *scores*, shape (n,), n ≥ 1, in any order. Raises ValueError for none, or for NaN."""
        if len(scores) == 0 or not np.isfinite(scores).all():
            raise ValueError("a reference needs at least one score and only finite ones")
        self.scores = np.sort(np.asarray(scores, dtype=np.float64))

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (1 + #{genuine ≥ score}) / (n + 1) for each score, shape (n,); NaN stays NaN.

        Valid under exchangeability with the sample (Vovk, Gammerman and Shafer 2005, conformal p-values).
        """
        at_least = len(self.scores) - np.searchsorted(self.scores, scores, side="left")
        ranks = (1.0 + at_least) / (len(self.scores) + 1.0)
        return np.where(np.isnan(scores), np.nan, ranks)


def largest_p_values(references: Mapping[str, Reference], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest p-value of each score among several groups of genuine accounts, shape (n,); NaN stays NaN.

    A learner is thus compared with learners too, without a decision who is one.
    """
    values = [reference.p_values(scores) for reference in references.values()]
    return np.asarray(np.max(values, axis=0), dtype=np.float64)


def thinned(scores: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return at most *size* order statistics of *scores*, shape (n,), that give no smaller p-values.

    Upper quantiles ("higher") of a regular grid: a p-value from them is never smaller than from a sample of that size.
    """
    if len(scores) <= size:
        return np.sort(scores)
    return np.quantile(scores, np.arange(1, size + 1) / size, method="higher")
