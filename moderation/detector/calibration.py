"""From a raw logit to the calibrated synthetic score."""

from __future__ import annotations

import math

from moderation.detector.manifest import Band, Calibration


def probability(calibration: Calibration, logit: float, n_tokens: int, language: str | None = None) -> float:
    """Return the probability that a text of *n_tokens* tokens, declared to be in *language*, is machine-written.

    Platt scaling (Platt 1999) by the band that fits best. The prior is that of the calibration texts, each side
    weighted alike, not that of any platform.
    """
    return sigmoid(log_odds(calibration, logit, n_tokens, language))


def log_odds(calibration: Calibration, logit: float, n_tokens: int, language: str | None = None) -> float:
    """Return the logarithm of the odds that belong to `probability`, which does not saturate as that does."""
    band = band_for(calibration, n_tokens, language)
    return band.slope * logit + band.intercept


def sigmoid(log_odds: float) -> float:
    """Return the probability with these odds, at any size without an overflow."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(max(log_odds, -700.0))
    return odds / (1.0 + odds)


def band_for(calibration: Calibration, n_tokens: int, language: str | None = None) -> Band:
    """Return the band of this length and language, else of this length and any language, else of all lengths.

    *language* is a BCP 47 tag, of which the primary subtag counts; None where none is declared.
    """
    spoken = primary_subtag(language)
    covering = [band for band in calibration.bands if band.covers(n_tokens) and band.language in (None, spoken)]
    return min(covering, key=lambda band: (band.language is None, -band.over_tokens, band.up_to_tokens or math.inf))


def primary_subtag(tag: str | None) -> str | None:
    """Return the language of a BCP 47 tag: ``pt`` of ``pt-BR``; None where the tag says no language (``und``)."""
    if tag is None:
        return None
    language = tag.strip().replace("_", "-").partition("-")[0].lower()
    return None if language in ("", "und") else language
