"""Combines family scores to one risk, such that missing families are neutral."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

TYPING = "typing"
_LARGEST_LOG_ODDS = 30.0
"""Limit of the log-odds; beyond it a risk rounds to 0 or 1."""


def with_neutral(
    scores: NDArray[np.float64], families: tuple[str, ...], neutral: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return *scores*, shape (n, families), with *neutral* for missing and the typing score clipped from below."""
    filled = np.where(np.isnan(scores), neutral, scores)
    if TYPING in families:
        column = families.index(TYPING)
        filled[:, column] = np.maximum(filled[:, column], neutral[column])
    return filled


@dataclass(frozen=True)
class Fusion:
    """A LightGBM model that is monotone in every family score.

    A missing family takes its neutral score, which is at most that of a median genuine account: by monotonicity,
    masking a family never gives a higher risk than the values of a median genuine account. The typing score is clipped
    from below at its neutral score, so that no typing gives a lower risk than missing typing.
    """

    families: tuple[str, ...]
    neutral: NDArray[np.float64]
    """Neutral score of each family, shape (families,)."""
    booster: lgb.Booster
    """Log-odds by trees, with monotone constraints on every column."""

    def filled(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return *scores*, shape (n, families), with neutral for missing and the typing score clipped."""
        return with_neutral(scores, self.families, self.neutral)

    def risks(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the risk in (0, 1) of each row of family *scores*, shape (n, families) to (n,)."""
        if len(scores) == 0:
            return np.zeros(0)
        trees = np.asarray(self.booster.predict(self.filled(scores), raw_score=True, num_threads=1), dtype=np.float64)
        log_odds = np.clip(trees, -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), dtype=np.float64)

    def contributions(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the TreeSHAP values of one row by family, (families,) to (families,), in log-odds; slow."""
        filled = self.filled(scores[None, :])
        return np.asarray(self.booster.predict(filled, pred_contrib=True, num_threads=1), dtype=np.float64)[0, :-1]
