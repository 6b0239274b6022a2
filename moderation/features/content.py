"""Content features: the scores of an account's last posts, relative to those of human texts of the same length.

One text proves little. Several prove more, because the deviations of one person's texts partly cancel out; by how much
depends on their correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.features.catalogue import FEATURES
from moderation.state.score_history import MOST_SCORES, OwnScores

CONTENT_COLUMNS = tuple(column for column, feature in enumerate(FEATURES) if feature.family == "content")
"""Columns of the content features in a feature vector."""


@dataclass(frozen=True)
class ContentBaseline:
    """Median and spread of the logits of human texts by length, between knots by linear interpolation."""

    tokens_log2: tuple[float, ...]
    """Knots: binary logarithm of the number of tokens, one added; ascending."""
    medians: tuple[float, ...]
    spreads: tuple[float, ...]
    """Half the distance between the 16 % and the 84 % quantile, in logits; above 0."""
    correlation: float
    """Correlation between the residuals of two texts of one person, from 0 to 1."""

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a median and a positive spread for each ascending knot."""
        if not len(self.tokens_log2) == len(self.medians) == len(self.spreads) > 0:
            raise ValueError("a content baseline needs a median and a spread for each knot")
        if not np.isfinite([*self.medians, *self.spreads]).all():
            raise ValueError("a number of the content baseline is not finite")
        if not 0.0 <= self.correlation <= 1.0:
            raise ValueError("the correlation of a content baseline is from 0 to 1")
        if min(self.spreads) <= 0 or list(self.tokens_log2) != sorted(set(self.tokens_log2)):
            raise ValueError("a content baseline needs positive spreads and ascending knots")

    def residuals(self, scores: OwnScores) -> NDArray[np.float64]:
        """Return how many spreads each score is above the median of human texts of that length, shape (n,)."""
        medians = np.interp(scores.tokens_log2, self.tokens_log2, self.medians)
        return (scores.logits - medians) / np.interp(scores.tokens_log2, self.tokens_log2, self.spreads)


def content_features(scores: Sequence[OwnScores], baseline: ContentBaseline) -> NDArray[np.float64]:
    """Return the content features of accounts, shape (accounts, len(CONTENT_COLUMNS)); NaN without a score."""
    counts = np.array([len(one.logits) for one in scores], dtype=np.int64)
    if not counts.any():
        return np.full((len(scores), len(CONTENT_COLUMNS)), np.nan)
    everything = OwnScores(
        np.concatenate([one.logits for one in scores]), np.concatenate([one.tokens_log2 for one in scores])
    )
    # Always of full width, so that a row does not depend on the others to the last bit.
    present = np.arange(MOST_SCORES) < counts[:, None]
    table = np.full(present.shape, np.nan)
    table[present] = baseline.residuals(everything)
    mean = np.nansum(table, axis=1) / np.maximum(counts, 1)
    # The variance of a mean of n equally correlated values is (1 + (n - 1) correlation) / n.
    evidence = mean * np.sqrt(counts / (1.0 + (np.maximum(counts, 1) - 1) * baseline.correlation))
    found = np.column_stack([evidence, mean, counts])
    found[counts == 0] = np.nan
    return found
