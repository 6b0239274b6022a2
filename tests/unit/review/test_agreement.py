"""Agreement against published figures, and the bound of the false-positive rate."""

from __future__ import annotations

import pytest

from moderation.review.agreement import cohen_kappa, false_positive_bound, krippendorff_alpha
from moderation.risk.clopper_pearson import upper_bound

CODERS = {"A": "*****34121133*3", "B": "1*213343*******", "C": "**21344*21133*4"}
"""The example of Krippendorff (2011) with three coders and 15 units, "*" for none; its nominal alpha is 0.691."""


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


def test_the_false_positive_bound_needs_both_parts_of_the_sample_and_shrinks_with_it() -> None:
    assert false_positive_bound(0, 0, 100, 50, 0.001) is None
    assert false_positive_bound(0, 50, 100, 0, 0.001) is None
    small, large = (false_positive_bound(0, n, 100, n, 0.001) for n in (50, 5_000))
    assert small is not None
    assert large is not None
    assert 0 < large < small < 1
    wrong = upper_bound(0, 50, 0.975) * 100
    assert small > wrong / (wrong + 50 / 0.001)
