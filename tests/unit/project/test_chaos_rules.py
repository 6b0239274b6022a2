"""What the random faults of `python -m tests.chaos` count as a failure."""

from __future__ import annotations

from collections import Counter
from unittest.mock import Mock

import pytest

from tests.chaos.__main__ import Place, Result, differences
from tests.chaos.site import PERMANENT, Site

BAD = frozenset({("posts", 0, 1), ("posts", 0, 2)})


def result(letters: dict[Place, int]) -> Result:
    return Result(["p"], {"p": 0.5}, Counter(letters), BAD)


def test_lost_and_added_letters_are_found_by_their_origin() -> None:
    calm = result(dict.fromkeys(BAD, 1))
    assert differences(calm, result({("posts", 0, 1): 2, ("posts", 0, 2): 1})) == {}, "sent again after a crash"
    found = differences(calm, result({("posts", 0, 1): 1, ("posts", 3, 9): 1}))
    assert found == {"letters_lost": [("posts", 0, 2)], "letters_added": [("posts", 3, 9)]}


@pytest.mark.parametrize("code", sorted(PERMANENT))
def test_an_exit_code_after_which_systemd_starts_nothing_fails_the_run(code: int) -> None:
    site = Mock(sidecar=Mock(poll=lambda: code), restarts={})
    with pytest.raises(AssertionError, match=f"ended with {code}"):
        Site.keep_running(site)


def test_the_codes_are_those_of_the_unit() -> None:
    assert frozenset({2, 3, 5, 6}) == PERMANENT
