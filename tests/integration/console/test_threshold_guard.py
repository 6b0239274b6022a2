"""The threshold is raised on evidence from blind verdicts, shown, read by sidecars, and lowered by a person only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from moderation.effects import AuditSample, Effects
from moderation.review.quality_report import CLEARED, CONFIRMED
from moderation.review.threshold_guard import raised_to
from tests.contract.samples import assessment, evidence, flag, partition
from tests.integration.console.conftest import Desk
from tests.integration.console.test_quality import judge

VERSION = assessment().risk_version


@pytest.fixture
def guarded(desk: Desk) -> Iterator[Desk]:
    """A console that permits half of the flagged accounts to be genuine."""
    certificate = desk.console.certified[0] if desk.console.certified else None
    assert certificate is not None
    desk.console = replace(desk.console, most_wrong_share=0.5, certified=(certificate, VERSION))
    return desk


def draw(desk: Desk, risks: dict[str, float]) -> None:
    """Commit flagged posts of the audit sample, each by an account of its own."""
    judged = [assessment(name, account_id=f"by-{name}", risk=risk, threshold=0.5) for name, risk in risks.items()]
    samples = [AuditSample(one, evidence(f"text of {one.post_id}"), 0.5, "flagged|short|en|unknown") for one in judged]
    flags = [
        flag(one.post_id, text=f"text of {one.post_id}", account_id=one.account_id, risk=one.risk, threshold=0.5)
        for one in judged
    ]
    effects = Effects(audit_samples=samples, flags=flags)
    desk.store.commit(desk.store.claim("main", "one", [partition()]), effects)


def test_evidence_of_many_wrong_flags_raises_the_threshold_and_a_senior_lowers_it(guarded: Desk) -> None:
    ana = guarded.client("ana")
    right = {"r0": 0.9, "r1": 0.95}
    draw(guarded, right)
    judge(ana, {}, CONFIRMED)
    assert guarded.store.raised_thresholds() == {}
    wrong = {f"w{number}": 0.6 + number / 1000 for number in range(18)}
    draw(guarded, wrong)
    judge(ana, {}, CLEARED)
    raised = guarded.store.raised_thresholds()
    assert raised.keys() == {VERSION}
    assert raised[VERSION] in wrong.values(), "above it are the two that were confirmed"

    (one,) = ana.get("/api/v1/threshold/raises").json()
    assert (one["before"], one["threshold"], one["ended_by"]) == (0.5, raised[VERSION], None)
    assert "flagged accounts with a blind verdict were genuine" in ana.get("/queue").text
    assert "A senior can lower it again." in ana.get("/steering").text
    assert ana.post(f"/api/v1/threshold/raises/{one['id']}/end", json={"reason": "a"}).status_code == 403

    sam = guarded.client("sam")
    assert sam.post(f"/steering/raises/{one['id']}/end", data={"reason": " "}).status_code == 422
    assert "threshold raised" in sam.get("/audit").text
    assert sam.post(f"/steering/raises/{one['id']}/end", data={"reason": "<b>a crowd</b>"}).status_code == 303
    assert guarded.store.raised_thresholds() == {}
    page = sam.get("/steering").text
    assert "&lt;b&gt;a crowd" in page
    assert "<b>a crowd" not in page
    assert sam.post(f"/api/v1/threshold/raises/{one['id']}/end", json={"reason": "again"}).status_code == 409
    assert sam.post("/api/v1/threshold/raises/999/end", json={"reason": "none"}).status_code == 404
    assert "threshold lowered" in sam.get("/audit").text
    assert "The threshold was raised" not in sam.get("/queue").text


def test_the_threshold_leaves_at_most_half_of_what_is_permitted() -> None:
    accounts = [(0.6, True), (0.7, True), (0.8, False), (0.9, True), (0.95, False), (0.97, False), (0.99, False)]
    assert raised_to(accounts, 0.5) == 0.7
    assert raised_to(accounts, 0.2) == 0.9
    assert raised_to([(0.6, True), (0.7, True)], 0.5) == 0.7


def test_verdicts_as_promised_raise_nothing(guarded: Desk) -> None:
    risks = {f"p{number}": 0.9 for number in range(14)}
    draw(guarded, risks)
    names = list(risks)
    judge(guarded.client("ana"), dict.fromkeys(names[:5], CLEARED) | dict.fromkeys(names[5:], CONFIRMED))
    assert guarded.store.raised_thresholds() == {}


def test_without_a_permitted_share_nothing_is_raised(desk: Desk) -> None:
    draw(desk, {f"w{number}": 0.6 for number in range(12)})
    judge(desk.client("ana"), {})
    assert desk.store.raised_thresholds() == {}
