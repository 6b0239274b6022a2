"""Fits the slopes of the fusion: logistic regression on hinges, with no slope below zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from moderation.risk.slopes import Slopes, hinges

KNOT_QUANTILES = (0.9, 0.97, 0.99, 0.997, 0.9995)
"""Quantiles of the scores of genuine posts at which the hinges begin."""
_PENALTY = 1e-4
"""Penalty on the squared slopes of hinges of unit variance: without it the last slope would be infinite."""


def fit_slopes(scores: NDArray[np.float64], label: NDArray[np.bool_], weight: NDArray[np.float64]) -> Slopes:
    """Return the slopes fitted on *scores*.

    All arrays have the shape (n,): *scores* without NaN, *label* True for campaigns, *weight* of each post.
    """
    knots = tuple(np.unique(np.quantile(scores[~label], KNOT_QUANTILES)).tolist())
    columns = np.column_stack(hinges(scores, knots))
    # A hinge above every score has no variance and keeps the slope 0.
    spread = columns.std(axis=0)
    scaled = columns / np.where(spread > 0, spread, np.inf)
    side = np.where(label, 1.0, -1.0)
    share = weight / weight.sum()

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slopes, intercept = parameters[:-1], parameters[-1]
        margin = side * (scaled @ slopes + intercept)
        pull = -share * side / (1.0 + np.exp(np.minimum(margin, 500.0)))
        value = float(share @ np.logaddexp(0.0, -margin) + _PENALTY * slopes @ slopes)
        return value, np.append(scaled.T @ pull + 2 * _PENALTY * slopes, pull.sum())

    count = scaled.shape[1]
    found = minimize(
        loss,
        np.zeros(count + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * count + [(None, None)],
        options={"maxiter": 20_000, "maxfun": 20_000, "ftol": 1e-12, "gtol": 1e-8},
    )
    slopes = np.where(spread > 0, found.x[:-1] / np.where(spread > 0, spread, 1.0), 0.0)
    return Slopes(float(found.x[-1]), knots, tuple(slopes.tolist()))
