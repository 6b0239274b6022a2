"""The figures of a text are what their papers say, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from moderation.detector.companion import FEATURES, MISSING
from moderation.detector.companion.statistics import TokenArrays, features_of


def _tokens(count: int = 4) -> TokenArrays:
    return TokenArrays(
        log_probability=np.array([-1.0, -3.0, -2.0, -6.0, -1.0][:count]),
        expected=np.array([-2.0, -2.0, -2.0, -3.0, -1.0][:count]),
        variance=np.array([1.0, 4.0, 2.0, 2.0, 1.0][:count]),
        rank=np.array([0, 10, 99, 5000, 3][:count]),
    )


def test_the_figures_are_those_counted_by_hand() -> None:
    found = features_of(_tokens())
    assert found.mean_log_probability == -3.0
    assert found.mean_entropy == 2.25
    assert found.log_probability_sd == pytest.approx(math.sqrt((4 + 0 + 1 + 9) / 4))
    assert (found.top10_share, found.top100_share, found.top1000_share) == (0.25, 0.75, 0.75)
    assert found.mean_log_rank == pytest.approx((math.log(11) + math.log(100) + math.log(5001)) / 4)
    # (-12 - -9) / sqrt(9)
    assert found.curvature == pytest.approx(-1.0)
    assert found.curvature_per_token == pytest.approx(-0.5)
    assert found.n_tokens == 4


def test_fewer_than_four_tokens_say_nothing() -> None:
    assert features_of(_tokens(3)) is MISSING
    assert all(math.isnan(getattr(MISSING, name)) for name in FEATURES if name != "n_tokens")
    assert MISSING.n_tokens == 0


def test_a_model_that_is_sure_of_everything_gives_finite_figures() -> None:
    sure = TokenArrays(np.zeros(4), np.zeros(4), np.zeros(4), np.zeros(4, dtype=np.int64))
    assert all(math.isfinite(getattr(features_of(sure), name)) for name in FEATURES)
