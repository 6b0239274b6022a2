"""The threshold is raised on evidence from blind verdicts, shown, read by sidecars, and lowered by a person only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from moderation.effects import AuditSample, Effects
from moderation.review.quality_report import CLEARED, CONFIRMED
from moderation.review.stored_posts import policy_of
from moderation.review.threshold_guard import AccountVerdict, raised_to
from tests.contract.samples import assessment, evidence, flag, partition
from tests.integration.console.conftest import Desk
from tests.integration.console.test_quality import judge

SAMPLE = assessment()
BUNDLE = (SAMPLE.risk_version, policy_of(SAMPLE.scored_by))


@pytest.fixture
def guarded(desk: Desk) -> Desk:
    """A console that permits half of the flagged accounts to be genuine."""
    desk.console = replace(desk.console, most_wrong_share=0.5)
    return desk


def draw(desk: Desk, risks: dict[str, float], threshold: float = 0.5) -> None:
    """Commit flagged posts of the audit sample, each by an account of its own."""
    made = {"threshold": threshold}
    judged = [assessment(name, account_id=f"by-{name}", risk=risk, **made) for name, risk in risks.items()]
    samples = [AuditSample(one, evidence(f"text of {one.post_id}"), 0.5, "flagged|short|en|unknown") for one in judged]
    flags = [
        flag(one.post_id, text=f"text of {one.post_id}", account_id=one.account_id, risk=one.risk, **made)
        for one in judged
    ]
    effects = Effects(audit_samples=samples, flags=flags)
    desk.store.commit(desk.store.claim("main", "one", [partition()]), effects)


def in_force(desk: Desk) -> dict[tuple[str, str], float]:
    return desk.store.raised_thresholds(SAMPLE.platform_id)


def judge_in_turn(desk: Desk, names: Sequence[str], risks: dict[str, float], verdict: str) -> None:
    """Draw posts and have each judged by the next person, in the order of the posts."""
    people = [desk.client(name) for name in names]
    for number, (name, risk) in enumerate(risks.items()):
        draw(desk, {name: risk})
        judge(people[number % len(people)], {}, verdict)


def test_evidence_of_many_wrong_flags_raises_the_threshold_and_a_senior_lowers_it(guarded: Desk) -> None:
    judge_in_turn(guarded, ["ana", "bob"], {"r0": 0.9, "r1": 0.95}, CONFIRMED)
    assert in_force(guarded) == {}
    wrong = {f"w{number}": 0.6 + number / 1000 for number in range(16)}
    judge_in_turn(guarded, ["ana", "bob"], wrong, CLEARED)
    raised = in_force(guarded)
    assert raised.keys() == {BUNDLE}
    assert raised[BUNDLE] in wrong.values(), "above it are the two that were confirmed"
    assert guarded.store.raised_thresholds("another platform") == {}

    ana, sam = guarded.client("ana"), guarded.client("sam")
    (one,) = ana.get("/api/v1/threshold/raises").json()
    assert (one["before"], one["threshold"], one["ended_by"]) == (0.5, raised[BUNDLE], None)
    assert "flagged accounts with a blind verdict were genuine" in ana.get("/queue").text
    assert "A senior can lower it again." in ana.get("/steering").text
    assert ana.post(f"/api/v1/threshold/raises/{one['id']}/end", json={"reason": "a"}).status_code == 403
    assert sam.post(f"/steering/raises/{one['id']}/end", data={"reason": " "}).status_code == 422
    assert "threshold raised" in sam.get("/audit").text
    assert sam.post(f"/steering/raises/{one['id']}/end", data={"reason": "<b>a crowd</b>"}).status_code == 303
    assert in_force(guarded) == {}
    page = sam.get("/steering").text
    assert "by <bdi>sam</bdi>" in page
    assert "by <bdi>Reviewer " in ana.get("/steering").text
    assert ana.get("/api/v1/threshold/raises").json()[0]["ended_by"].startswith("Reviewer ")
    assert "&lt;b&gt;a crowd" in page
    assert "<b>a crowd" not in page
    assert sam.post(f"/api/v1/threshold/raises/{one['id']}/end", json={"reason": "again"}).status_code == 409
    assert sam.post("/api/v1/threshold/raises/999/end", json={"reason": "none"}).status_code == 404
    assert "threshold lowered" in sam.get("/audit").text
    assert "The threshold was raised" not in sam.get("/queue").text


def test_after_a_raise_was_ended_the_next_one_begins_at_the_threshold_of_the_bundle(guarded: Desk) -> None:
    judge_in_turn(guarded, ["ana", "bob"], {f"w{number}": 0.7 for number in range(8)}, CLEARED)
    (one,) = guarded.client("ana").get("/api/v1/threshold/raises").json()
    assert one["threshold"] == 0.7
    draw(guarded, {"x": 0.8}, threshold=0.7)  # flagged while the raise was in force
    guarded.clock.turn(hours=1)
    guarded.client("sam").post(f"/steering/raises/{one['id']}/end", data={"reason": "a crowd"})
    guarded.clock.turn(hours=1)
    judge_in_turn(guarded, ["ana", "bob"], {f"y{number}": 0.6 for number in range(10)}, CLEARED)
    latest, _ = guarded.client("ana").get("/api/v1/threshold/raises").json()
    assert latest["before"] == 0.5


def test_the_verdicts_of_one_person_raise_nothing(guarded: Desk) -> None:
    judge_in_turn(guarded, ["ana"], {f"w{number}": 0.6 for number in range(12)}, CLEARED)
    assert in_force(guarded) == {}


def test_the_threshold_leaves_at_most_half_of_what_is_permitted() -> None:
    risks = [(0.6, True), (0.7, True), (0.8, False), (0.9, True), (0.95, False), (0.97, False), (0.99, False)]
    verdicts = [AccountVerdict(*one) for one in risks]
    assert raised_to(verdicts, 0.5) == 0.7
    assert raised_to(verdicts, 0.2) == 0.9
    assert raised_to([AccountVerdict(0.6, True), AccountVerdict(0.7, True)], 0.5) == 0.7


def test_verdicts_as_promised_raise_nothing(guarded: Desk) -> None:
    judge_in_turn(guarded, ["ana", "bob"], {f"p{number}": 0.9 for number in range(5)}, CLEARED)
    judge_in_turn(guarded, ["ana", "bob"], {f"q{number}": 0.9 for number in range(9)}, CONFIRMED)
    assert in_force(guarded) == {}


def test_without_a_permitted_share_nothing_is_raised(desk: Desk) -> None:
    judge_in_turn(desk, ["ana", "bob"], {f"w{number}": 0.6 for number in range(10)}, CLEARED)
    assert in_force(desk) == {}
