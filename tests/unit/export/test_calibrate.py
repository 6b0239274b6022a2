"""Calibration is fitted where there are enough texts, and equals counted odds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from export.calibrate import UNCALIBRATED, calibrate
from moderation.detector.calibration import band_for, probability
from moderation.detector.manifest import Calibration

Side = tuple[int, int]


def _fitted(*strata: tuple[int, str | None, Side, Side]) -> Calibration:
    """Calibrate on strata of (tokens, language, humans at logits -1 and +1, machines at logits -1 and +1)."""
    rows: list[tuple[float, int, int, str | None]] = []
    for tokens, language, humans, machines in strata:
        for label, counts in ((0, humans), (1, machines)):
            for logit, count in zip((-1.0, 1.0), counts, strict=True):
                rows += [(logit, label, tokens, language)] * count
    logits: NDArray[np.float64] = np.array([row[0] for row in rows])
    labels, tokens_of = (np.array([row[place] for row in rows], dtype=np.int64) for place in (1, 2))
    return calibrate(logits, labels, tokens_of, "made up", [row[3] for row in rows], "Paper")


def test_fit_equals_balanced_odds() -> None:
    # Of equally many humans and machines, 3 of 4 at +1 would be machines: slope ln 3, and nothing beside it.
    calibration = _fitted((10, None, (300, 100), (25, 75)))
    band = band_for(calibration, 10)
    assert band.slope == pytest.approx(math.log(3), abs=1e-3)
    assert band.intercept == pytest.approx(0.0, abs=1e-3)
    assert band.rows == 500
    assert probability(calibration, 1.0, 10) == pytest.approx(0.75, abs=1e-3)
    assert calibration.provider == "Paper"


def test_language_with_enough_texts_has_a_band() -> None:
    calibration = _fitted(
        (10, "en-GB", (300, 100), (100, 300)),
        (10, "de", (90, 10), (10, 90)),
        (10, "fr", (24, 25), (30, 30)),
        (30, "de", (60, 40), (40, 60)),
    )
    assert {(band.over_tokens, band.up_to_tokens, band.language) for band in calibration.bands} == {
        (0, 20, "en"),
        (0, 20, "de"),
        (0, 20, None),
        (20, 40, "de"),
        (20, 40, None),
        (0, None, None),
    }
    assert probability(calibration, 1.0, 10, "de") == pytest.approx(0.9, abs=1e-3)
    assert probability(calibration, 1.0, 10, "en-US") == pytest.approx(0.75, abs=1e-3)
    assert probability(calibration, 1.0, 10, "fr") == probability(calibration, 1.0, 10)
    # Nothing is as long, so that all lengths together speak.
    assert band_for(calibration, 500, "de").rows == 300 + 100 + 100 + 300 + 200 + 109 + 200


@pytest.mark.parametrize(("humans", "has_band"), [(50, True), (49, False)])
def test_stratum_with_few_texts_has_no_band(humans: int, has_band: bool) -> None:
    calibration = _fitted((10, None, (60, 40), (40, 60)), (30, None, (humans - 10, 10), (20, 80)))
    assert any(band.up_to_tokens == 40 for band in calibration.bands) == has_band


def test_stratum_with_negative_slope_has_no_band() -> None:
    calibration = _fitted((10, None, (400, 100), (100, 400)), (30, None, (40, 60), (60, 40)))
    assert {band.up_to_tokens for band in calibration.bands} == {20, None}


def test_too_few_texts_give_no_calibration() -> None:
    assert _fitted((10, None, (40, 9), (100, 100))) is UNCALIBRATED
    assert probability(UNCALIBRATED, math.log(3), 10, "de") == pytest.approx(0.75)
