"""Evidence that may be read after every verdict."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from scipy.integrate import quad

from moderation.risk.anytime import log_evidence


@pytest.mark.parametrize(("errors", "n", "most"), [(0, 0, 0.3), (3, 5, 0.3), (1, 9, 0.5), (0, 7, 0.1)])
def test_the_evidence_is_the_averaged_ratio_of_likelihoods(errors: int, n: int, most: float) -> None:
    def likelihood(rate: float) -> float:
        return float(rate**errors * (1 - rate) ** (n - errors))

    averaged = quad(likelihood, most, 1)[0] / (1 - most)
    assert exp(log_evidence(errors, n, most)) == pytest.approx(averaged / likelihood(most))


def test_there_is_no_evidence_before_the_first_case_and_it_grows_with_errors() -> None:
    assert log_evidence(0, 0, 0.2) == pytest.approx(0.0)
    found = [log_evidence(errors, 20, 0.2) for errors in range(21)]
    assert found == sorted(found)
    assert log_evidence(2000, 2000, 0.2) > 1000


@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_a_kept_promise_is_doubted_no_more_often_than_stated(rate: float) -> None:
    rng, doubted, runs = np.random.default_rng(4), 0, 120
    for _ in range(runs):
        errors = np.cumsum(rng.random(100) < rate)
        doubted += any(log_evidence(int(e), n, 0.5) >= log(20) for n, e in enumerate(errors, 1))
    assert doubted / runs <= 0.05


def test_a_broken_promise_is_found() -> None:
    errors = np.cumsum(np.random.default_rng(5).random(200) < 0.8)
    assert log_evidence(int(errors[59]), 60, 0.5) >= log(20)


@pytest.mark.parametrize(("errors", "n", "most"), [(1, 0, 0.5), (-1, 2, 0.5), (0, 1, 0.0), (0, 1, 1.0)])
def test_impossible_counts_are_refused(errors: int, n: int, most: float) -> None:
    with pytest.raises(ValueError, match="not possible"):
        log_evidence(errors, n, most)
