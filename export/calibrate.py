"""Platt scaling by length band, from texts whose side is known and that the detector was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from moderation.detector.manifest import Band, Calibration

_BAND_ENDS = (20, 40, 80)
_ENOUGH_OF_A_SIDE = 50

UNCALIBRATED = Calibration(
    method="none: the probability is the plain sigmoid of the logit",
    fitted_on="nothing",
    bands=(Band(up_to_tokens=None, slope=1.0, intercept=0.0),),
)


def calibrate(
    logits: NDArray[np.float64], labels: NDArray[np.int64], n_tokens: NDArray[np.int64], fitted_on: str
) -> Calibration:
    """Fit one slope and intercept per length band, both sides weighted alike (Platt 1999).

    A band with fewer than 50 texts of a side, or whose slope is not positive, takes the parameters of all lengths.
    """
    everything = _fit(logits, labels)
    if everything is None:
        return UNCALIBRATED
    bands = []
    begin = -1
    for end in (*_BAND_ENDS, None):
        inside = (n_tokens > begin) & (n_tokens <= (end if end is not None else n_tokens.max(initial=0)))
        own = _fit(logits[inside], labels[inside])
        slope, intercept = own or everything
        bands.append(Band(up_to_tokens=end, slope=slope, intercept=intercept, rows=int(inside.sum()) if own else 0))
        begin = end or begin
    return Calibration(
        method="Platt scaling by length band, sides weighted alike", fitted_on=fitted_on, bands=tuple(bands)
    )


def _fit(logits: Sequence[float] | NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float] | None:
    counts = np.bincount(labels, minlength=2)
    if counts.min() < _ENOUGH_OF_A_SIDE:
        return None
    model = LogisticRegression(C=1e6, class_weight="balanced").fit(np.asarray(logits)[:, None], labels)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    return (slope, intercept) if slope > 0 else None
