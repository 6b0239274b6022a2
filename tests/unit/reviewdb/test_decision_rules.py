"""Who may decide what: a second look is taken by a second person."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.errors import SettingsError
from moderation.review.decisions import DecisionRefused, PastDecision, ProposedDecision, require_allowed
from moderation.review.names import compared_name


def proposed(who: str, role: Any, **changes: Any) -> ProposedDecision:
    """A decision on flag 1."""
    values: dict[str, Any] = {"verdict": "confirmed", "ground": "seen", "version": 0} | changes
    return ProposedDecision(1, who, role, **values)


ANA = PastDecision(1, "ana", "reviewer", "confirmed")
SENIOR = PastDecision(2, "sam", "senior", "confirmed")
APPEAL = PastDecision(3, "ida", "appeals", "confirmed")
UNDONE = PastDecision(4, "ana", "reviewer", "withdrawn")


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
        ("bob", "reviewer", [ANA, UNDONE]),
    ],
)
def test_these_may_decide(who: str, role: str, history: list[PastDecision]) -> None:
    require_allowed(proposed(who, role), history)


@pytest.mark.parametrize(
    ("who", "role", "history", "why"),
    [
        ("ida", "appeals", [], "nothing to appeal"),
        ("ida", "appeals", [ANA, UNDONE], "nothing to appeal"),
        ("bob", "reviewer", [ANA], "decided by another person"),
        ("ana", "reviewer", [ANA, SENIOR], "decided by another person"),
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
    "who",
    [
        "ana ",
        " Ana",
        "ＡＮＡ",
        "a\u200bna",
        "ana\u00a0",
        "\u202eana",
        "an\u00ada",
        "ana\ufe0f",
        "ana\u3164",
        "ana\u2800",
    ],
)
def test_appeal_by_another_spelling_of_the_same_name_is_refused(who: str) -> None:
    with pytest.raises(DecisionRefused, match="another person"):
        require_allowed(proposed(who, "appeals"), [ANA])
    require_allowed(proposed(who, "reviewer"), [ANA])


def test_compared_name_collapses_white_space_and_keeps_different_people_apart() -> None:
    assert compared_name(" Ana\t Maria ") == compared_name("ana maria") == "ana maria"
    assert compared_name("Straße") == compared_name("STRASSE")
    assert len({compared_name(name) for name in ("ana", "anna", "ána", "an a", "李", "Аня")}) == 6


def test_role_in_another_spelling_is_the_role() -> None:
    assert proposed("ida", " Appeals").role == "appeals"


@pytest.mark.parametrize(
    "changes",
    [
        {"ground": "  "},
        {"verdict": "guilty"},
        {"who": " "},
        {"who": "\u200b\u3164"},
        {"who": ""},
        {"role": "admin"},
        {"ground": "x" * 10_001},
    ],
)
def test_a_decision_without_its_parts_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        proposed(**({"who": "ana", "role": "reviewer"} | changes))
