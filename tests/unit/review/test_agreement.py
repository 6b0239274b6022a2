"""Agreement against published figures, and the bound of the false-positive rate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from moderation.review.agreement import (
    FlaggedSample,
    cohen_kappa,
    false_positive_bound,
    krippendorff_alpha,
    least_accounts,
)
from moderation.risk.clopper_pearson import upper_bound

CODERS = {"A": "*****34121133*3", "B": "1*213343*******", "C": "**21344*21133*4"}
"""The example of Krippendorff (2011) with three coders and 15 units, "*" for none; its nominal alpha is 0.691."""

NONE_SEEN = -math.log(0.025)
"""The upper 97.5 % bound of the mean of a Poisson number that was 0."""


def units() -> dict[str, dict[str, str]]:
    """The example by unit."""
    return {
        str(unit): {coder: values[unit] for coder, values in CODERS.items() if values[unit] != "*"}
        for unit in range(15)
    }


def test_alpha_is_that_of_the_published_example_with_missing_verdicts() -> None:
    alpha, shared = krippendorff_alpha(units())
    assert alpha == pytest.approx(0.691, abs=0.0005)
    assert shared == 12


def test_alpha_is_undefined_without_shared_items_or_with_one_verdict() -> None:
    assert krippendorff_alpha({"1": {"a": "x"}, "2": {"b": "y"}}) == (None, 0)
    assert krippendorff_alpha({"1": {"a": "x", "b": "x"}}) == (None, 1)


def test_kappa_is_that_of_a_known_table() -> None:
    table = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen_kappa(table) == pytest.approx(0.4)
    assert cohen_kappa([("yes", "yes")]) is None
    assert cohen_kappa([]) is None


def sample(wrong: int, judged: int, accounts: int = 100) -> FlaggedSample:
    """Judged accounts of equal weight."""
    return FlaggedSample((True,) * wrong + (False,) * (judged - wrong), (2.0,) * judged, accounts)


def test_the_false_positive_bound_needs_both_parts_of_the_sample_and_shrinks_with_it() -> None:
    assert false_positive_bound(sample(0, 0), (1,) * 50) is None
    assert false_positive_bound(sample(0, 50), (1,)) is None
    small, large = (false_positive_bound(sample(0, n), (1,) * n) for n in (50, 5_000))
    assert small is not None
    assert large is not None
    assert 0 < large < small < 1
    wrong = upper_bound(0, 50, 0.975) * 100
    assert small == pytest.approx(wrong / (wrong + 50 * 49 / 2 / NONE_SEEN))
    assert false_positive_bound(sample(50, 50), (1,) * 50) == pytest.approx(100 / (100 + 50 * 49 / 2 / 3.689), rel=1e-3)


def test_a_wrongly_flagged_account_with_few_flags_weighs_more_than_one_with_many() -> None:
    bounds = [
        false_positive_bound(FlaggedSample((True, *(False,) * 9), (weight, *(1.0,) * 9), 100), (1,) * 400)
        for weight in (0.5, 1.0, 4.0)
    ]
    assert bounds == sorted(bounds, key=lambda bound: bound or 0.0)
    equal = upper_bound(1, 10, 0.975) * 100
    assert bounds[1] == pytest.approx(equal / (equal + 400 * 399 / 2 / NONE_SEEN))


@pytest.mark.parametrize("activity", [1, 3])
def test_the_least_number_of_accounts_is_rarely_above_the_true_one_whatever_their_activity(activity: int) -> None:
    rng, accounts, trials = np.random.default_rng(7), 4_000, 400
    chances = rng.random(accounts) ** (activity - 1.0)
    above = 0
    for _ in range(trials):
        posts = rng.multinomial(300, chances / chances.sum())
        least = least_accounts([int(count) for count in posts if count], 0.975)
        assert least is not None
        above += least > accounts
    assert above <= 0.05 * trials


def test_the_least_number_of_accounts_is_that_of_the_pairs() -> None:
    assert least_accounts((), 0.975) is None
    assert least_accounts((1,), 0.975) is None
    assert least_accounts((1,) * 300, 0.975) == pytest.approx(300 * 299 / 2 / NONE_SEEN)
    assert least_accounts((2, *(1,) * 298), 0.975) == pytest.approx(300 * 299 / 2 / 5.5716, rel=1e-4)
    assert least_accounts((30,), 0.975) == 1.0
