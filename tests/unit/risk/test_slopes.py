"""The risk is monotone in the text score, also beyond the training scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from moderation.lab.risk.fitting_slopes import fit_slopes
from moderation.risk.model import BundledRiskModel
from moderation.risk.slopes import Slopes


def _scores(apart: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores of people and of campaigns whose means lie *apart*."""
    rng = np.random.default_rng(4)
    label = rng.random(4000) < 0.3
    return rng.normal(0, 1, 4000) + apart * label, label


def test_log_odds_are_the_sum_of_hinges() -> None:
    slopes = Slopes(-1.0, (2.0,), (0.5, 1.5))
    assert slopes.log_odds(np.array([0.0, 2.0, 4.0])).tolist() == [-1.0, 0.0, 4.0]


def test_a_falling_slope_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Slopes(0.0, (), (-0.1,))
    with pytest.raises(ValueError, match="one slope more"):
        Slopes(0.0, (1.0,), (0.1,))


def test_an_infinite_score_has_finite_log_odds_and_an_infinite_slope_is_refused() -> None:
    slopes = Slopes(-1.0, (2.0, 3.0), (0.5, 0.0, 1.5))
    assert np.isfinite(slopes.log_odds(np.array([-np.inf, np.inf]))).all()
    with pytest.raises(ValueError, match="not finite"):
        Slopes(0.0, (), (float("nan"),))


def test_fitted_slopes_follow_the_score() -> None:
    telling, silent = (fit_slopes(*_scores(apart), np.ones(4000)) for apart in (3.0, 0.0))
    assert telling.slopes[0] > 1.0
    assert sum(silent.slopes[:2]) < 0.1
    rows = np.array([0.0, 3.0])
    odds = telling.log_odds(rows)
    assert odds[0] < 0 < odds[1]


@given(step=st.floats(0.01, 50.0))
def test_rarer_score_has_higher_log_odds(step: float) -> None:
    scores, label = _scores(3.0)
    beyond = float(scores.max())
    odds = fit_slopes(scores, label, np.ones(4000)).log_odds(np.array([beyond, beyond + step]))
    assert odds[1] > odds[0]


def test_constant_scores_have_zero_slope() -> None:
    _, label = _scores(3.0)
    assert set(fit_slopes(np.full(4000, 7.0), label, np.ones(4000)).slopes) == {0.0}


def test_risk_rises_beyond_the_highest_genuine_score(model: BundledRiskModel) -> None:
    highest = float(model.references["content"]["genuine"].scores.max())
    scores = np.tile(model.fusion.neutral, (3, 1))
    scores[:, model.fusion.families.index("content")] = highest + np.array([0.0, 0.2, 0.4])
    assert (np.diff(model.fusion.risks(scores)) > 0).all()
