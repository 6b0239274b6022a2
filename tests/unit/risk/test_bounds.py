"""Exact bounds equal published values."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.risk.clopper_pearson import interval, lower_bound, needed_sample, upper_bound
from moderation.risk.umbrella import least_sample, threshold_rank, umbrella_threshold


@pytest.mark.parametrize(
    ("n", "alpha", "rank"),
    [
        (59, 0.05, 59),
        (10_000, 1e-3, 9_996),
        (100_000, 1e-3, 99_917),
        (100_000, 1e-4, 99_996),
        (1_000_000, 1e-4, 999_917),
    ],
)
def test_umbrella_gives_the_check_values(n: int, alpha: float, rank: int) -> None:
    assert threshold_rank(n, alpha, 0.05) == rank


def test_umbrella_refuses_a_sample_one_too_small() -> None:
    assert least_sample(0.05) == 59
    assert threshold_rank(58, 0.05) is None
    assert umbrella_threshold(np.arange(58, dtype=np.float64), 0.05) is None


def test_umbrella_takes_the_order_statistic_and_accepts_units_that_are_never_flagged() -> None:
    scores = np.concatenate([np.full(9_000, -np.inf), np.arange(1_000, dtype=np.float64)])
    assert umbrella_threshold(scores, 1e-3) == 995.0


def test_umbrella_refuses_a_unit_without_a_score() -> None:
    with pytest.raises(ValueError, match="needs a score"):
        umbrella_threshold(np.array([0.0, np.nan]), 0.5)


@pytest.mark.parametrize(
    ("rate", "errors", "n"), [(1e-3, 0, 2_995), (1e-3, 1, 4_742), (1e-4, 0, 29_956), (1e-4, 1, 47_437)]
)
def test_clopper_pearson_needs_as_many_as_published(rate: float, errors: int, n: int) -> None:
    assert needed_sample(rate, errors) == n
    assert upper_bound(errors, n) <= rate < upper_bound(errors, n - 1)


def test_bounds_at_the_edges() -> None:
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(5, 5) == 1.0
    assert lower_bound(0, 5) == 0.0
    low, high = interval(5, 10)
    assert low == pytest.approx(0.1871, abs=1e-4)
    assert high == pytest.approx(0.8129, abs=1e-4)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="errors must be from 0 to n"):
        upper_bound(3, 2)
