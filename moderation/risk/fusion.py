"""From family scores to one risk, such that silence is neutral and no signal clears anyone by being absent."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

TYPING = "typing"


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
    """A LightGBM model that never falls as a family's score rises (monotone constraints on every column).

    A missing family takes its neutral score, which is at most a median genuine account's: by monotonicity, masking
    a family never gives a higher risk than a median genuine account's values would. The typing score is clipped
    from below at its neutral score: no timing gives a lower risk than timing missing.
    """

    families: tuple[str, ...]
    neutral: NDArray[np.float64]
    """Neutral score of each family, shape (families,)."""
    booster: lgb.Booster

    def filled(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return *scores*, shape (n, families), with neutral for missing and the typing score clipped."""
        return with_neutral(scores, self.families, self.neutral)

    def risks(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the risk in (0, 1) of each row of family *scores*, shape (n, families) to (n,)."""
        if len(scores) == 0:
            return np.zeros(0)
        return np.asarray(self.booster.predict(self.filled(scores), num_threads=1), dtype=np.float64)

    def contributions(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each family's share of one row's log-odds of risk, shape (families,) to (families,); slow."""
        explained = self.booster.predict(self.filled(scores[None, :]), pred_contrib=True, num_threads=1)
        return np.asarray(explained, dtype=np.float64)[0, :-1]
