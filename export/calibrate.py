"""Fits Platt scaling by length band and language on labelled texts outside the training data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from moderation.detector.calibration import primary_subtag
from moderation.detector.manifest import Band, Calibration

_BAND_ENDS = (20, 40, 80)
_ENOUGH_OF_A_SIDE = 50

UNCALIBRATED = Calibration(
    method="none: the probability is the plain sigmoid of the logit",
    fitted_on="nothing",
    bands=(Band(up_to_tokens=None, slope=1.0, intercept=0.0),),
)


def calibrate(
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
    n_tokens: NDArray[np.int64],
    fitted_on: str,
    languages: Sequence[str | None] | None = None,
    provider: str | None = None,
) -> Calibration:
    """Fit a slope and an intercept for all lengths, each length band and each language in it (Platt 1999).

    All arrays have shape (texts,), *languages* are BCP 47 tags. In each fit both labels have equal weight. A stratum
    with fewer than 50 texts of a label, or with a slope that is not positive, gets no band, so that the wider band
    applies; without a band for all texts, the result is `UNCALIBRATED`.
    """
    everything = _band(logits, labels, np.ones(len(logits), dtype=bool))
    if everything is None:
        return UNCALIBRATED
    spoken = [primary_subtag(language) for language in languages or [None] * len(logits)]
    bands = []
    for begin, end in zip((0, *_BAND_ENDS), (*_BAND_ENDS, None), strict=True):
        inside = (n_tokens > begin) & (n_tokens <= (np.inf if end is None else end))
        for language in (*sorted({known for known in spoken if known is not None}), None):
            members = inside if language is None else inside & np.array([known == language for known in spoken])
            band = _band(logits, labels, members, begin, end, language)
            if band is not None:
                bands.append(band)
    return Calibration(
        method="Platt scaling by length band and declared language, sides weighted alike",
        fitted_on=fitted_on,
        provider=provider,
        bands=(*bands, everything),
    )


def _band(
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
    members: NDArray[np.bool_],
    begin: int = 0,
    end: int | None = None,
    language: str | None = None,
) -> Band | None:
    if np.bincount(labels[members], minlength=2).min() < _ENOUGH_OF_A_SIDE:
        return None
    model = LogisticRegression(C=1e6, class_weight="balanced").fit(logits[members][:, None], labels[members])
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        return None
    return Band(
        over_tokens=begin,
        up_to_tokens=end,
        language=language,
        slope=slope,
        intercept=float(model.intercept_[0]),
        rows=int(members.sum()),
    )
