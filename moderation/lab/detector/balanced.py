"""Logistic regression on TF-IDF in which every source and label has a similar weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier

from moderation.lab.textdata.rows import TextRow

_ALPHA = 1e-5
_EPOCHS = 10
REGRESSION = (
    f"TF-IDF, logistic regression by averaged SGD (alpha {_ALPHA}, {_EPOCHS} epochs), "
    "rows weighted by 1 / sqrt(rows of their source and label)"
)


@dataclass(frozen=True)
class BalancedRegression:
    """A fitted TF-IDF weighting (sublinear TF, L2 norm) and the regression on it."""

    weighting: TfidfTransformer
    regression: SGDClassifier

    def logits(self, counts: csr_matrix) -> NDArray[np.float64]:
        """Return one logit for each row of *counts*, shape (texts, features)."""
        logits: NDArray[np.float64] = self.regression.decision_function(self.weighting.transform(counts))
        return logits


def fit_regression(rows: Sequence[TextRow], counts: csr_matrix) -> BalancedRegression:
    """Return the regression of the labels of *rows* on *counts*, shape (rows, features)."""
    strata = Counter((row.source, row.label) for row in rows)
    weights = np.array([strata[row.source, row.label] ** -0.5 for row in rows])
    weighting = TfidfTransformer(sublinear_tf=True)
    features = weighting.fit_transform(counts)
    model = SGDClassifier(loss="log_loss", alpha=_ALPHA, max_iter=_EPOCHS, tol=None, average=True, random_state=0)
    model.fit(features, [row.label for row in rows], sample_weight=weights / weights.mean())
    return BalancedRegression(weighting, model)
