"""The model on top of a companion's figures: a logistic regression that is kept as plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from moderation.detector.joined.rule import WEIGHED, ZeroShotRule, terms_of, weighed_of
from moderation.errors import InputError
from moderation.training.detector.kept_features import KeptFeatures
from moderation.training.detector.rows import TextRow

Advance = Callable[[int], None]
"""Told how many more texts the companion has read."""

ROWS_PER_STRATUM = 60
"""Of each source and label; for so few figures more bring nothing, and the companion is slow."""
C = 0.1
NOISE_TOKENS = 30
"""At so many tokens chance spreads a figure as far as writers do; what decided it is told in decision 0613."""
MOST_DEVIATIONS = 1.5
"""Beyond so many standard deviations the companion says no more (decision 0613)."""
PEOPLE_NOT_HEARD = 0.05
"""The share of people whose texts have the shortest tokens; what it costs and saves is told in decision 0615."""
_MOST_ITERATIONS = 1000


def least_characters_per_token(rows: Sequence[TextRow], features: KeptFeatures) -> float:
    """Return how short a text's tokens may be on average: one in twenty people of *rows* wrote shorter ones."""
    people = features.characters_per_token([row.text for row in rows if row.label == 0])
    return round(float(np.nanquantile(people, PEOPLE_NOT_HEARD)), 2)


def heard_figures(
    texts: Sequence[str], features: KeptFeatures, least: float, advance: Advance = lambda _texts: None
) -> NDArray[np.float64]:
    """Return the figures of *texts*, NaN where the companion says nothing or a token has under *least* characters."""
    figures = features.of(texts, advance)
    figures[~(features.characters_per_token(texts) >= least)] = np.nan
    return figures


def fit_zero_shot(rows: Sequence[TextRow], features: NDArray[np.float64], fitted_on: str) -> ZeroShotRule:
    """Return what scores a companion's figures, fitted on those of *rows*, shape (rows, FEATURES).

    A text has all figures or none, so those without are left out of the fit instead of being filled in. *fitted_on*
    names the rows in words. Raises InputError where the companion reads texts of one label alone.
    """
    seen = np.asarray(np.isfinite(features).all(axis=1), dtype=np.bool_)
    used = [row for row, inside in zip(rows, seen, strict=True) if inside]
    if {row.label for row in used} != {0, 1}:
        raise InputError("The companion reads texts of one label alone in these rows; use data with longer texts.")
    return _fit(used, features[seen], fitted_on)


def _fit(rows: Sequence[TextRow], features: NDArray[np.float64], fitted_on: str) -> ZeroShotRule:
    """The regression on finite figures of *rows*, whose labels count alike, and within a label its sources."""
    weights = alike(rows)
    # Not StandardScaler: of a figure that is the same in every text it finds a variance that rounds below zero.
    weighed = weighed_of(features)
    means = np.average(weighed, axis=0, weights=weights)
    spreads = np.sqrt(np.average((weighed - means) ** 2, axis=0, weights=weights))
    scales = np.where(np.ptp(weighed, axis=0) > 0, spreads, 1.0)
    terms = terms_of(features, means, scales, NOISE_TOKENS)
    model = LogisticRegression(C=C, max_iter=_MOST_ITERATIONS)
    model.fit(terms, np.array([row.label for row in rows], dtype=np.int64), sample_weight=weights)
    return ZeroShotRule(
        figures=WEIGHED,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        noise_tokens=NOISE_TOKENS,
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
