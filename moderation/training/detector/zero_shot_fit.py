"""The model on top of a companion's figures: a logistic regression that is kept as plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from moderation.detector.companion import FEATURES
from moderation.detector.joined.rule import ZeroShotRule
from moderation.errors import InputError
from moderation.training.detector.figures import auroc
from moderation.training.detector.rows import TextRow

ROWS_PER_STRATUM = 60
"""Of each source and label; for nine figures more bring nothing, and the companion is slow."""
C = 0.1
_MOST_ITERATIONS = 1000


def fit_zero_shot(rows: Sequence[TextRow], features: NDArray[np.float64], fitted_on: str) -> ZeroShotRule:
    """Return what scores a companion's figures, fitted on those of *rows*, shape (rows, FEATURES).

    A text has all figures or none, so those without are left out of the fit instead of being filled in. Whether squares
    of the figures count too is decided by leaving out each source of *rows* that has both labels. *fitted_on* names the
    rows in words. Raises InputError where the companion reads texts of one label alone.
    """
    seen = np.asarray(np.isfinite(features).all(axis=1), dtype=np.bool_)
    used = [row for row, inside in zip(rows, seen, strict=True) if inside]
    if {row.label for row in used} != {0, 1}:
        raise InputError("The companion reads texts of one label alone in these rows; use data with longer texts.")
    return fit_rule(used, features[seen], fitted_on, squares=_squares_help(used, features[seen]))


def fit_rule(rows: Sequence[TextRow], features: NDArray[np.float64], fitted_on: str, *, squares: bool) -> ZeroShotRule:
    """Return the regression on finite figures of *rows*, whose labels count alike, and within a label its sources."""
    weights = alike(rows)
    # Not StandardScaler: of a figure that is the same in every text it finds a variance that rounds below zero.
    means = np.average(features, axis=0, weights=weights)
    spreads = np.sqrt(np.average((features - means) ** 2, axis=0, weights=weights))
    scales = np.where(np.ptp(features, axis=0) > 0, spreads, 1.0)
    standardised = (features - means) / scales
    # How far from usual a text is counts too: some generators write less expectedly than people (decision 0603).
    terms = np.hstack([standardised, standardised**2]) if squares else standardised
    model = LogisticRegression(C=C, max_iter=_MOST_ITERATIONS)
    model.fit(terms, np.array([row.label for row in rows], dtype=np.int64), sample_weight=weights)
    return ZeroShotRule(
        figures=FEATURES,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        squares=squares,
        coefficients=tuple(model.coef_[0].tolist()),
        intercept=float(model.intercept_[0]),
        fitted_on=fitted_on,
    )


def alike(rows: Sequence[TextRow]) -> NDArray[np.float64]:
    """Return weights with mean 1 by which the labels count alike, and within a label its sources."""
    strata = Counter((row.source, row.label) for row in rows)
    sources = Counter(label for _, label in strata)
    weights = np.array([1 / (strata[row.source, row.label] * sources[row.label]) for row in rows])
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def _squares_help(rows: Sequence[TextRow], features: NDArray[np.float64]) -> bool:
    """Whether the mean AUROC is higher with squares where a source with both labels is left out in turn."""
    gains = []
    sources = np.array([row.source for row in rows])
    labels = np.array([row.label for row in rows], dtype=np.int64)
    for source in np.unique(sources):
        inside = sources == source
        rest = [row for row, left_out in zip(rows, inside, strict=True) if not left_out]
        if len(set(labels[inside])) < 2 or len({row.label for row in rest}) < 2:
            continue
        figures = []
        for squares in (True, False):
            scores = fit_rule(rest, features[~inside], "the rest", squares=squares).values(features[inside])
            figures.append(auroc(scores[labels[inside] == 0], scores[labels[inside] == 1]))
        gains.append(figures[0] - figures[1])
    return float(np.mean(gains)) > 0 if gains else False
