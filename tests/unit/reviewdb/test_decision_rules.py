"""Who may decide what: a second look is taken by a second person."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.errors import SettingsError
from moderation.review.decisions import DecisionRefused, PastDecision, ProposedDecision, require_allowed


def proposed(who: str, role: Any, **changes: Any) -> ProposedDecision:
    """A decision on flag 1."""
    values: dict[str, Any] = {"verdict": "confirmed", "ground": "seen", "version": 0} | changes
    return ProposedDecision(1, who, role, **values)


ANA = PastDecision(1, "ana", "reviewer")
SENIOR = PastDecision(2, "sam", "senior")
APPEAL = PastDecision(3, "ida", "appeals")


@pytest.mark.parametrize(
    ("who", "role", "history"),
    [
        ("ana", "reviewer", []),
        ("sam", "senior", []),
        ("ana", "reviewer", [ANA]),
        ("sam", "senior", [ANA]),
        ("ida", "appeals", [ANA]),
        ("ida", "appeals", [ANA, SENIOR]),
        ("ole", "appeals", [ANA, APPEAL]),
    ],
)
def test_these_may_decide(who: str, role: str, history: list[PastDecision]) -> None:
    require_allowed(proposed(who, role), history)


@pytest.mark.parametrize(
    ("who", "role", "history", "why"),
    [
        ("ida", "appeals", [], "nothing to appeal"),
        ("bob", "reviewer", [ANA], "decided by ana"),
        ("ana", "reviewer", [ANA, SENIOR], "decided by sam"),
        ("ana", "appeals", [ANA], "another person"),
        ("ana", "appeals", [ANA, SENIOR], "another person"),
        ("sam", "senior", [ANA, APPEAL], "only the role appeals"),
        ("ida", "reviewer", [ANA, APPEAL], "only the role appeals"),
    ],
)
def test_these_may_not(who: str, role: str, history: list[PastDecision], why: str) -> None:
    with pytest.raises(DecisionRefused, match=why):
        require_allowed(proposed(who, role), history)


@pytest.mark.parametrize(
    "changes",
    [{"ground": "  "}, {"verdict": "guilty"}, {"who": " "}, {"role": "admin"}, {"ground": "x" * 10_001}],
)
def test_a_decision_without_its_parts_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        proposed(**({"who": "ana", "role": "reviewer"} | changes))
