"""The model of one metadata family: computes log-odds from raw features."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FamilyModel:
    """A LightGBM model over the family's own columns of the feature vector.

    A missing feature takes the genuine median, so that a missing value never scores higher than a usual one.
    """

    name: str
    columns: tuple[int, ...]
    """Columns among the features of the bundle, in the order in which the model was trained on them."""
    medians: NDArray[np.float64]
    """Genuine medians of those columns, shape (len(columns),)."""
    booster: lgb.Booster

    def present(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for each row of *features*, shape (n, f), whether the family has any value; shape (n,)."""
        known: NDArray[np.bool_] = ~np.isnan(features[:, self.columns])
        return np.asarray(known.any(axis=1), dtype=np.bool_)

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of each row of *features*, shape (n, f) to (n,); NaN where the family is missing."""
        present = self.present(features)
        result = np.full(len(features), np.nan)
        if present.any():
            result[present] = self.booster.predict(self.filled(features[present]), raw_score=True, num_threads=1)
        return result

    def filled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the family's own columns with missing values replaced by genuine medians, shape (n, columns)."""
        own = features[:, self.columns]
        return np.where(np.isnan(own), self.medians, own)

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the contribution of each feature to the log-odds of one row, shape (f,) to (columns,); slow."""
        explained = self.booster.predict(self.filled(features[None, :]), pred_contrib=True, num_threads=1)
        return np.asarray(explained, dtype=np.float64)[0, :-1]
