"""From a raw logit to the calibrated synthetic score."""

from __future__ import annotations

import math

from moderation.detector.manifest import Calibration


def probability(calibration: Calibration, logit: float, n_tokens: int) -> float:
    """Return the probability that a text of *n_tokens* tokens is machine-written (Platt 1999, by length band).

    The prior is that of the calibration texts, half of them machine-written, not that of any platform.
    """
    bands = calibration.bands
    band = next((band for band in bands if band.up_to_tokens is None or n_tokens <= band.up_to_tokens), bands[-1])
    scaled = band.slope * logit + band.intercept
    if scaled >= 0:
        return 1.0 / (1.0 + math.exp(-scaled))
    odds = math.exp(max(scaled, -700.0))
    return odds / (1.0 + odds)
