"""Calibration by the narrowest band of length and declared language."""

from __future__ import annotations

import math

import pytest

from moderation.detector.calibration import primary_subtag, probability
from moderation.detector.manifest import Band, Calibration

_TABLE = Calibration(
    method="by hand",
    fitted_on="nothing",
    bands=(
        Band(over_tokens=0, up_to_tokens=20, language="de", slope=1.0, intercept=math.log(4)),
        Band(over_tokens=0, up_to_tokens=20, slope=1.0, intercept=math.log(3)),
        Band(over_tokens=80, up_to_tokens=None, slope=1.0, intercept=-math.log(3)),
        Band(up_to_tokens=None, slope=2.0, intercept=0.0),
    ),
)


@pytest.mark.parametrize(
    ("n_tokens", "language", "logit", "by_hand"),
    [
        (20, "de", 0.0, 4 / 5),
        (20, "de-AT", 0.0, 4 / 5),
        (20, "DE_de", 0.0, 4 / 5),
        (20, "fr", 0.0, 3 / 4),
        (20, None, 0.0, 3 / 4),
        (20, "und", 0.0, 3 / 4),
        (21, "de", math.log(2), 4 / 5),
        (21, None, math.log(2), 4 / 5),
        (80, None, -math.log(2), 1 / 5),
        (81, None, 0.0, 1 / 4),
        (100_000, "de", 0.0, 1 / 4),
    ],
)
def test_narrowest_band_is_used(n_tokens: int, language: str | None, logit: float, by_hand: float) -> None:
    assert probability(_TABLE, logit, n_tokens, language) == pytest.approx(by_hand)


@pytest.mark.parametrize(("logit", "by_hand"), [(5000.0, 1.0), (-5000.0, 0.0)])
def test_an_extreme_logit_has_a_probability(logit: float, by_hand: float) -> None:
    assert probability(_TABLE, logit, 50) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("tag", "language"),
    [("pt-BR", "pt"), ("EN", "en"), ("zh_Hant_TW", "zh"), ("und", None), ("", None), (" ", None), (None, None)],
)
def test_the_primary_subtag_of_a_tag_is_its_language(tag: str | None, language: str | None) -> None:
    assert primary_subtag(tag) == language


def test_calibration_without_a_length_is_refused() -> None:
    with pytest.raises(ValueError, match="no band for texts of 21 tokens"):
        Calibration(method="", fitted_on="", bands=(Band(up_to_tokens=20, slope=1.0, intercept=0.0),))
    with pytest.raises(ValueError, match="no band for texts of 1 tokens"):
        Calibration(method="", fitted_on="", bands=(Band(up_to_tokens=None, language="de", slope=1.0, intercept=0.0),))
