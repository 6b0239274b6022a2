"""The explanation of an account says what agrees, what is missing and what the certificate is worth."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moderation.effects import FamilyEvidence
from moderation.review.account_flags import AccountFlag
from moderation.review.accounts import Account, AccountDecisionMade
from moderation.review.appeals import Appeal
from moderation.review.explanation import explain, refusal_before
from moderation.review.linked import Linked
from moderation.review.permissions import Actor

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
APPEAL = Appeal(1, "translator", "I translated it.", NOW, NOW + timedelta(hours=48), None, None)
ANA, SAM, IDA = Actor(1, "ana", "reviewer"), Actor(2, "sam", "senior"), Actor(3, "ida", "appeals")


def flag(**changes: Any) -> AccountFlag:
    """A flag with unusual texts and typing, and no signal about follows."""
    families = (
        FamilyEvidence("content", 2.0, 0.004),
        FamilyEvidence("typing", 1.0, 0.2),
        FamilyEvidence("graph", None, None),
    )
    values: dict[str, Any] = dict.fromkeys(AccountFlag.__dataclass_fields__)
    values |= {"id": 1, "post_id": "p1", "status": "open", "version": 0, "risk": 0.99999, "threshold": 0.9995}
    values |= {"synthetic_score": 0.9, "truncated": False, "families": families, "agreeing": ("content", "network")}
    values |= {"reasons": (), "sections": (), "degraded": (), "missing": (), "risk_version": "r" * 64, "text": "hello"}
    return AccountFlag(**(values | changes))


def account(**changes: Any) -> Account:
    """An account with one open flag."""
    values: dict[str, Any] = dict.fromkeys(Account.__dataclass_fields__)
    values |= {"key": "k", "platform_id": "p", "account_id": "a", "open_flags": 1, "risk": 0.9, "flag_count": 1}
    values |= {"flags": (flag(),), "decisions": (), "labels": (), "timeline": (), "appeals": (), "state": "1.0"}
    values |= {"values": {}, "linked": Linked()}
    return Account(**(values | changes))


def decided(who: str = "ana", role: str = "reviewer") -> AccountDecisionMade:
    """A decision of an hour ago."""
    return AccountDecisionMade(who, role, NOW - timedelta(minutes=90), "not_a_violation", "seen", 1)


@pytest.mark.parametrize(
    ("agreeing", "content", "words"),
    [
        (("content", "network"), 0.004, "are both unusual"),
        (("network", "account"), 0.4, "the texts are ordinary. A person may have written them"),
        (("content",), 0.004, "the behaviour is ordinary"),
        (("network", "account"), None, "rests on behaviour only"),
    ],
)
def test_content_and_behaviour_are_compared_in_words(
    agreeing: tuple[str, ...], content: float | None, words: str
) -> None:
    families = (FamilyEvidence("content", None if content is None else 1.0, content),)
    shown = explain(account(flags=(flag(agreeing=agreeing, families=families),)), None, NOW)
    assert words in shown.content_and_behaviour


def test_families_are_unusual_usual_or_missing() -> None:
    found = {view.family: (view.finding, view.sentence) for view in explain(account(), None, NOW).families}
    assert found["content"] == ("unusual", "About 1 in 250 genuine posts is this unusual.")
    assert found["typing"] == ("usual", "About 20% of genuine posts are this unusual.")
    assert found["graph"][0] == "missing"


def test_gaps_name_everything_that_was_not_known() -> None:
    gaps = {"synthetic_score": None, "content_abstained": "script", "truncated": True, "missing": ("client.ip",)}
    shown = " ".join(explain(account(flags=(flag(**gaps, degraded=("graph",), text=None),)), None, NOW).gaps)
    for wanted in ("who follows whom", "does not read", "too long", "client.ip", "not used: graph", "no longer kept"):
        assert wanted in shown, wanted


def test_a_certificate_of_another_bundle_is_not_shown() -> None:
    assert "Do not assume a rate of wrong flags" in explain(account(), None, NOW).certificate


def test_the_summary_has_the_last_decision_and_the_deleted_posts() -> None:
    shown = explain(account(open_flags=0, decisions=(decided(),), flags=(flag(deleted_at=NOW),)), None, NOW).summary
    assert "none waits for a decision" in shown
    assert "The last decision is ana's, 90 min ago: not a violation." in shown
    assert "1 of the posts below was deleted since." in shown


@pytest.mark.parametrize(
    ("actor", "changes", "words"),
    [
        (ANA, {}, None),
        (Actor(4, "vera", "viewer"), {}, "viewer, does not decide"),
        (ANA, {"claimed_by": "sam", "claimed_until": NOW}, "sam reviews this account"),
        (ANA, {"open_flags": 0, "decisions": (decided(),)}, None),
        (ANA, {"open_flags": 0, "decisions": (decided("bob"),)}, "bob decided"),
        (SAM, {"open_flags": 0, "decisions": (decided("bob"),)}, None),
        (SAM, {"open_flags": 0, "decisions": (decided("ida", "appeals"),)}, "on appeal"),
        (IDA, {}, "needs a decision first"),
        (IDA, {"decisions": (decided(),), "appeals": (APPEAL,)}, None),
        (IDA, {"decisions": (decided(),)}, "No appeal of this account is open"),
        (ANA, {"held_by": "bob", "held_until": NOW}, "bob holds this account"),
        (SAM, {"held_by": "bob", "held_until": NOW}, None),
        (IDA, {"decisions": (decided("ida", "appeals"),)}, "another person"),
    ],
)
def test_refusal_before_a_decision(actor: Actor, changes: dict[str, Any], words: str | None) -> None:
    found = refusal_before(dataclasses.replace(account(), **changes), actor)
    assert (found is None) if words is None else (found is not None and words in found)
