"""The blind queue hides what was found, its verdicts feed the error rates, and the quality page counts them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from starlette.testclient import TestClient

from connectors.reviewdb.audit_log import verify
from connectors.reviewdb.models import AssessmentRow, AuditSampleRow
from connectors.reviewdb.statements import table_of
from moderation.effects import AuditSample, Effects
from moderation.review.agreement import FlaggedSample, false_positive_bound
from moderation.review.blind_review import PEERS
from moderation.risk.clopper_pearson import interval
from tests.contract.samples import assessment, evidence, flag, partition
from tests.integration.console.conftest import Desk

FOUND = ("risk", "0.97", "flagged", "chars_per_s", "typed 41.5", "score", "content", "threshold")
"""What the blind queue must not show, as it is stored with the samples."""


def draw(desk: Desk, count: int, *, flagged: bool = False, first: int = 0, account: str = "") -> None:
    """Commit posts of the audit sample, as the sidecar does; each has an account of its own unless it is given."""
    names = [f"{'f' if flagged else 's'}{number}" for number in range(first, first + count)]
    judged = [assessment(name, account_id=account or f"writer-{name}", flagged=flagged) for name in names]
    samples = [AuditSample(one, evidence(f"text of {one.post_id}"), 0.5 if flagged else 0.001, "s") for one in judged]
    flags = [
        flag(name, text=f"text of {name}", account_id=one.account_id) for name, one in zip(names, judged, strict=True)
    ]
    flags = flags if flagged else []
    effects = Effects(audit_samples=samples, flags=flags)
    desk.store.commit(desk.store.claim("main", "one", [partition()]), effects)


def judge(client: TestClient, verdicts: dict[str, str], default: str = "not_a_violation") -> list[dict[str, Any]]:
    """Judge all that waits for a person, by post id."""
    found = []
    while (answer := client.get("/api/v1/blind/next")).status_code == 200:
        item = answer.json()
        sent = {"verdict": verdicts.get(item["post_id"], default)}
        found.append(client.post(f"/api/v1/blind/{item['item']}/verdicts", json=sent).json() | item)
    return found


def test_the_blind_queue_hides_what_a_model_found_until_the_verdict(desk: Desk) -> None:
    draw(desk, 1, flagged=True)
    ana = desk.client("ana")
    sent = ana.get("/api/v1/blind/next").text
    assert "text of f0" in sent
    assert not [word for word in FOUND if word in sent]
    page = ana.get("/blind").text
    assert "text of f0" in page
    assert not [word for word in ("0.97", "typed 41.5", "threshold") if word in page]
    item = ana.get("/api/v1/blind/next").json()["item"]
    opened = (desk.clock.now).isoformat()
    desk.clock.turn(seconds=40)
    given = {"verdict": "not_a_violation", "opened_at": opened}
    shown = ana.get(ana.post(f"/blind/{item}", data=given).headers["location"]).text
    assert "You: not a violation. The model: flagged, risk 0.9700." in shown
    assert "The model" not in desk.client("bob").get(f"/blind?judged={item}").text
    assert ana.get("/blind?judged=%00").status_code == 200
    assert "you have judged this post before" in ana.post(f"/blind/{item}", data=given).text
    again = ana.post(f"/api/v1/blind/{item}/verdicts", json={"verdict": "confirmed"})
    assert "you have judged this post before" in again.json()["detail"]
    assert verify(desk.console.engine).problems == ()


def test_a_person_who_decided_about_the_flag_does_not_judge_it_blind(desk: Desk) -> None:
    draw(desk, 1, flagged=True)
    ana, bob, key = desk.client("ana"), desk.client("bob"), desk.key("writer-f0")
    state = ana.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    sent = {"state": state, "verdict": "confirmed", "ground": "rule 4"}
    assert ana.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    assert ana.get("/api/v1/blind/next").status_code == 204
    assert "No post of the audit sample waits" in ana.get("/blind").text
    assert bob.get("/api/v1/blind/next").json()["post_id"] == "f0"


def test_a_person_who_has_opened_an_account_gives_no_blind_verdict_about_its_posts(desk: Desk) -> None:
    draw(desk, 1, flagged=True)
    ana, sam, key = desk.client("ana"), desk.client("sam"), desk.key("writer-f0")
    item = ana.get("/api/v1/blind/next").json()["item"]
    sam.get(f"/accounts/{key}")
    page = ana.get(f"/accounts/{key}").text
    assert ("Reviewer 4 reviews this account" in page, "0.97" in page) == (True, True)
    desk.clock.turn(hours=1)
    sam.get(f"/accounts/{key}")
    assert ana.get("/api/v1/blind/next").status_code == 204
    assert desk.client("bob").get("/api/v1/blind/next").status_code == 200
    refused = ana.post(f"/api/v1/blind/{item}/verdicts", json={"verdict": "confirmed"})
    assert (refused.status_code, "opened the account" in refused.text) == (403, True)
    shown = ana.post(f"/blind/{item}", data={"verdict": "confirmed"})
    assert (shown.status_code, "Nothing was recorded" in shown.text) == (403, True)
    assert ana.get("/api/v1/quality").json()["blind_verdicts"] == 0


def test_error_rates_come_from_first_blind_verdicts_only(desk: Desk) -> None:
    draw(desk, 20, flagged=True)
    draw(desk, 30)
    empty = desk.client("vera").get("/api/v1/quality").json()
    assert (empty["wrong_flags"]["of"], empty["false_positive_bound"], empty["model_kappa"]) == (0, None, None)
    ana, bob = desk.client("ana"), desk.client("bob")
    flagged = {f"f{number}": "confirmed" for number in range(1, 19)} | {"f19": "uncertain"}
    assert len(judge(ana, flagged)) == 50
    peers = judge(bob, {"f0": "confirmed", "s0": "confirmed"}, default="confirmed")
    assert {one["item"][0] for one in peers} <= set(PEERS)
    assert 0 < len(peers) < 50
    found = bob.get("/api/v1/quality").json()
    low, high = interval(1, 19)
    assert found["wrong_flags"] == {"part": 1, "of": 19, "low": pytest.approx(low), "high": pytest.approx(high)}
    assert (found["missed"]["part"], found["missed"]["of"], found["cannot_tell"]) == (0, 30, 1)
    sample = FlaggedSample((True,) * 2 + (False,) * 18, (2.0,) * 20, 20)
    assert found["false_positive_bound"] == pytest.approx(false_positive_bound(sample, (1,) * 30))
    assert found["flagged_accounts"] == 20
    assert found["model_kappa"] == pytest.approx(0.957, abs=0.01)
    assert (found["people_items"], found["waiting"], found["blind_verdicts"]) == (len(peers), 0, 50 + len(peers))
    page = bob.get("/quality").text
    assert "1 of 19" in page
    assert "at most 1 in " in page


def drawn(desk: Desk, days_ago: dict[str, int]) -> None:
    """Set when posts were drawn."""
    samples, judged = table_of(AuditSampleRow), table_of(AssessmentRow)
    with desk.console.engine.begin() as connection:
        for post, days in days_ago.items():
            key = select(judged.c.key).where(judged.c.post_id == post).scalar_subquery()
            at = desk.clock.now - timedelta(days=days)
            connection.execute(update(samples).where(samples.c.assessment_key == key).values(drawn_at=at))


def test_the_newest_posts_come_first_so_that_verdicts_count_until_the_period_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moderation.review.blind_review.NEAR", 1)
    draw(desk, 9)
    drawn(desk, {f"s{n}": (100, 89, 0)[n // 3] for n in range(9)})
    ana = desk.client("ana")
    shown = []
    for _ in range(3):
        post = ana.get("/api/v1/blind/next").json()
        ana.post(f"/api/v1/blind/{post['item']}/verdicts", json={"verdict": "not_a_violation"})
        shown.append(post["post_id"])
    assert sorted(shown) == ["s6", "s7", "s8"]
    assert ana.get("/api/v1/quality").json()["waiting"] == 3
    assert {one["post_id"] for one in judge(ana, {})} == {"s3", "s4", "s5"}
    desk.clock.turn(days=30)
    assert desk.client("ana").get("/api/v1/quality").json()["missed"]["of"] == 3


def test_posts_that_need_a_second_person_come_before_new_ones(desk: Desk) -> None:
    draw(desk, 30)
    drawn(desk, {f"s{n}": 2 for n in range(30)})
    first = {one["item"] for one in judge(desk.client("ana"), {})}
    needed = {item for item in first if item[0] in PEERS}
    draw(desk, 3, first=30)
    second = [one["item"] for one in judge(desk.client("bob"), {})]
    assert set(second[: len(needed)]) == needed
    assert len(second) == len(needed) + 3


def test_an_account_counts_once_in_error_rates_with_its_worst_verdict(desk: Desk) -> None:
    draw(desk, 3, flagged=True)
    draw(desk, 4, flagged=True, first=3, account="heavy")
    draw(desk, 2)
    draw(desk, 5, first=2, account="writer-of-many")
    ana = desk.client("ana")
    judge(ana, {f"f{n}": "confirmed" for n in range(6)} | {"f6": "not_a_violation", "s3": "confirmed"})
    found = ana.get("/api/v1/quality").json()
    assert (found["wrong_flags"]["part"], found["wrong_flags"]["of"]) == (1, 4)
    assert (found["missed"]["part"], found["missed"]["of"]) == (1, 3)
    weights = (2.0, 2.0, 2.0, 1.0 / (1.0 - 0.5**4))
    sample = FlaggedSample((False, False, False, True), weights, 4)
    assert found["false_positive_bound"] == pytest.approx(false_positive_bound(sample, (1, 1, 4)))
    assert "Each account counts once" in ana.get("/quality").text


def test_a_person_who_held_the_account_does_not_judge_it_and_the_log_has_no_blind_verdict(desk: Desk) -> None:
    draw(desk, 1, flagged=True)
    ana, bob, sam = desk.client("ana"), desk.client("bob"), desk.client("sam")
    held = ana.put(f"/api/v1/accounts/{desk.key('writer-f0')}/hold", json={"hours": 1, "reason": "later"})
    assert held.status_code == 200
    assert ana.get("/api/v1/blind/next").status_code == 204
    judge(bob, {})
    (entry,) = [one for one in sam.get("/api/v1/audit").json()["entries"] if one["action"] == "blind_verdict"]
    assert set(entry["details"]) == {"item", "kind"}


def test_the_bound_and_alpha_leave_older_samples_and_golden_items_out(desk: Desk) -> None:
    draw(desk, 3)
    draw(desk, 3, flagged=True)
    sam, ana, bob = desk.client("sam"), desk.client("ana"), desk.client("bob")
    for client in (ana, bob):
        judge(client, {})
    assert sam.get("/api/v1/quality").json()["wrong_flags"]["of"] == 3
    desk.clock.turn(days=95)
    with desk.console.engine.begin() as connection:
        given = text("UPDATE blind_verdicts SET given_at = :at, kind = 'golden' WHERE kind = 'peer'")
        connection.execute(given, {"at": "2027-03-01 09:00:00.000000"})
        connection.execute(text("UPDATE blind_verdicts SET given_at = :at"), {"at": "2027-03-01 09:00:00.000000"})
    found = desk.client("sam").get("/api/v1/quality").json()
    assert found["blind_verdicts"] > 0
    assert (found["wrong_flags"]["of"], found["people_items"]) == (0, 0)


def test_golden_items_are_mixed_in_and_each_person_sees_the_own_figures(desk: Desk) -> None:
    draw(desk, 25)
    sam, ana, bob = desk.client("sam"), desk.client("ana"), desk.client("bob")
    first = sam.get("/api/v1/blind/next").json()["item"]
    assert ana.put(f"/api/v1/golden/{first}", json={"verdict": "confirmed"}).status_code == 403
    assert sam.put(f"/api/v1/golden/{'0' * 64}", json={"verdict": "confirmed"}).status_code == 404
    assert sam.post(f"/blind/{first}/golden", data={"verdict": "confirmed"}).status_code == 303
    results = judge(ana, {})
    assert [one["agreed"] for one in results if one["item"] == first] == ["confirmed"]
    judge(bob, {}, default="confirmed")
    own = ana.get("/api/v1/quality").json()["golden"]
    assert [(one["person"], one["right"]["part"], one["right"]["of"]) for one in own] == [("ana", 0, 1)]
    assert [one["person"] for one in sam.get("/api/v1/quality").json()["golden"]] == ["ana", "bob"]
    assert desk.client("vera").get("/api/v1/quality").json()["golden"] == []


def test_overturned_decisions_and_times_are_counted(desk: Desk) -> None:
    desk.flag(flag("p1"), flag("p2"), flag("p3", account_id="a2"))
    ana, sam = desk.client("ana"), desk.client("sam")
    for client, name, verdict in ((ana, "a1", "confirmed"), (ana, "a2", "confirmed"), (sam, "a1", "not_a_violation")):
        key = desk.key(name)
        if client is ana:
            client.post(f"/api/v1/accounts/{key}/claim")
        desk.clock.turn(seconds=90)
        state = client.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
        sent = {"state": state, "verdict": verdict, "ground": "rule 4"}
        assert client.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    found = sam.get("/api/v1/quality").json()
    assert (found["overturned"]["part"], found["overturned"]["of"]) == (2, 5)
    assert (found["median_s"], found["timed"], found["slow_s"]) == (90.0, 2, None)
    assert "1 min 30 s" in sam.get("/quality").text
