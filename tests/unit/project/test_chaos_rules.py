"""What the random faults of `python -m tests.chaos` count as a failure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from unittest.mock import Mock

import pytest

from moderation.features.catalogue import FEATURES
from tests.chaos.comparing import Judged, Place, Result, differences
from tests.chaos.site import PERMANENT, Member

BAD = frozenset({("posts", 0, 1), ("posts", 0, 2)})


def result(letters: dict[Place, int]) -> Result:
    return Result(["p"], {"p": judged(0.5, 1.0, None)}, Counter(letters), BAD)


def judged(risk: float | None, *first: float | None, degraded: tuple[str, ...] = ()) -> Judged:
    return Judged(risk, (*first, *(0.0 for _ in FEATURES[len(first) :])), degraded)


def test_lost_and_added_letters_are_found_by_their_origin() -> None:
    calm = result(dict.fromkeys(BAD, 1))
    assert differences(calm, result({("posts", 0, 1): 2, ("posts", 0, 2): 1})) == {}, "sent again after a crash"
    found = differences(calm, result({("posts", 0, 1): 1, ("posts", 3, 9): 1}))
    assert found == {"letters_lost": [("posts", 0, 2)], "letters_added": [("posts", 3, 9)]}


@pytest.mark.parametrize("code", sorted(PERMANENT))
def test_an_exit_code_after_which_systemd_starts_nothing_fails_the_run(code: int) -> None:
    member = Mock(process=Mock(poll=lambda: code), ends=Counter(), _ended_at=None)
    with pytest.raises(AssertionError, match=f"ended with {code}"):
        Member.keep_running(member)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (judged(0.5, 1.0 + 1e-12, None), set()),
        (judged(0.5, 1.1, None), {"judgements_changed"}),
        (judged(0.5, 1.0, 0.0), {"judgements_changed"}),
        (judged(None, 1.0, None, degraded=("graph",)), {"judgements_changed", "judgements_degraded"}),
    ],
)
def test_a_feature_that_differs_or_is_missing_is_found(other: Judged, names: set[str]) -> None:
    calm = result(dict.fromkeys(BAD, 1))
    assert differences(calm, replace(calm, judged={"p": other})).keys() == names
    assert differences(calm, replace(calm, judged={})) == {"judgements_lost": ["p"]}


def test_the_codes_are_those_of_the_unit() -> None:
    assert frozenset({2, 3, 5, 6}) == PERMANENT
