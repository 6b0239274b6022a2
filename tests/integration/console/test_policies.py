"""Verdicts name the policy that is broken, and agreement is shown by policy."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from moderation.review.decisions import ProposedDecision
from moderation.review.flag_decisions import decide as decide_about_flag
from moderation.review.refusals import InvalidValue
from moderation.settings.sections import ConsoleSettings
from tests.contract.samples import flag
from tests.integration.console.conftest import Desk
from tests.integration.console.test_quality import draw


@pytest.fixture
def spam_or_scam(desk: Desk) -> Desk:
    """A console with two policies."""
    desk.console = dataclasses.replace(desk.console, settings=ConsoleSettings(policies=("spam", "scam")))
    return desk


def decision(desk: Desk, client: Any, name: str, **changes: str) -> Any:
    key = desk.key(name)
    state = client.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    sent = {"state": state, "verdict": "confirmed", "ground": "rule 4"} | changes
    return client.post(f"/api/v1/accounts/{key}/decisions", json=sent)


def test_a_confirmed_verdict_names_a_policy_and_others_have_none(spam_or_scam: Desk) -> None:
    desk = spam_or_scam
    desk.flag(*(flag(f"p{n}", account_id=f"a{n}") for n in range(4)))
    ana, sam = desk.client("ana"), desk.client("sam")
    for policy in ("", "fraud"):
        refused = decision(desk, ana, "a0", policy=policy)
        assert (refused.status_code, "one of spam, scam" in refused.json()["detail"]) == (422, True)
    assert decision(desk, ana, "a0", policy="scam").status_code == 201
    assert decision(desk, ana, "a1", policy="scam", verdict="not_a_violation").status_code == 201
    made = [sam.get(f"/api/v1/accounts/{desk.key(name)}").json()["account"]["decisions"][0] for name in ("a0", "a1")]
    assert [one["policy"] for one in made] == ["scam", None]
    assert "policy <bdi>scam</bdi>" in sam.get(f"/accounts/{desk.key('a0')}").text
    page = sam.get(f"/accounts/{desk.key('a2')}").text
    assert '<option value="spam">spam</option><option value="scam">scam</option>' in page
    form = {"state": "0.0", "verdict": "confirmed", "ground": "kept words", "policy": "spam"}
    assert (
        '<option value="spam" selected>spam</option>' in sam.post(f"/accounts/{desk.key('a2')}/decide", data=form).text
    )
    hits = sam.post("/api/v1/decisions/preview", json={"keys": [desk.key("a2")]}).json()
    members = [{"key": hit["key"], "state": hit["state"]} for hit in hits]
    sent = {"members": members, "verdict": "confirmed", "ground": "rule 4", "policy": "spam"}
    assert sam.post("/api/v1/decisions", json=sent, headers={"idempotency-key": "k"}).status_code == 201
    with pytest.raises(InvalidValue, match="one of spam, scam"):
        decide_about_flag(
            desk.console.engine, ProposedDecision(4, "sam", "senior", "confirmed", "rule 4", 0), desk.console.rules
        )


def test_a_policy_is_refused_where_none_is_set(desk: Desk) -> None:
    desk.flag(flag("p1"))
    refused = decision(desk, desk.client("ana"), "a1", policy="spam")
    assert "console.policies" in refused.json()["detail"]


def test_two_people_keep_their_policies(desk: Desk) -> None:
    settings = ConsoleSettings(policies=("spam", "scam"), second_person_followers=10)
    desk.console = dataclasses.replace(desk.console, settings=settings)
    desk.flag(dataclasses.replace(flag("p1"), followers=50))
    assert decision(desk, desk.client("ana"), "a1", policy="scam").json()["outcome"] == "first_verdict"
    assert decision(desk, desk.client("bob"), "a1", policy="scam").json()["outcome"] == "decided"
    made = desk.client("sam").get(f"/api/v1/accounts/{desk.key('a1')}").json()["account"]["decisions"]
    assert sorted((one["who"], one["policy"]) for one in made) == [("ana", "scam"), ("bob", "scam")]


def test_two_people_who_confirm_for_different_policies_disagree(desk: Desk) -> None:
    settings = ConsoleSettings(policies=("spam", "scam"), second_person_followers=10)
    desk.console = dataclasses.replace(desk.console, settings=settings)
    desk.flag(dataclasses.replace(flag("p1"), followers=50))
    assert decision(desk, desk.client("ana"), "a1", policy="scam").json()["outcome"] == "first_verdict"
    assert decision(desk, desk.client("bob"), "a1", policy="spam").json()["outcome"] == "escalated"
    found = desk.client("sam").get(f"/api/v1/accounts/{desk.key('a1')}").json()["account"]
    assert found["decisions"] == []
    assert "confirmed (scam): rule 4 — confirmed (spam): rule 4" in found["escalated_reason"]


def test_a_refused_blind_verdict_keeps_the_choice_and_the_time_of_opening(spam_or_scam: Desk) -> None:
    desk = spam_or_scam
    draw(desk, 1)
    ana = desk.client("ana")
    item, opened = ana.get("/api/v1/blind/next").json()["item"], desk.clock.now.isoformat()
    desk.clock.turn(seconds=40)
    page = ana.post(f"/blind/{item}", data={"verdict": "confirmed", "policy": "fraud", "opened_at": opened})
    assert (page.status_code, f'name="opened_at" value="{opened}"' in page.text) == (422, True)
    assert 'value="confirmed" class="primary" aria-current="true"' in page.text
    page = ana.post(f"/blind/{item}", data={"verdict": "guilty", "policy": "scam", "opened_at": opened})
    assert (page.status_code, '<option value="scam" selected>' in page.text) == (422, True)
    other = ana.post(f"/blind/{'0' * 64}", data={"verdict": "confirmed", "opened_at": opened})
    assert (other.status_code, opened in other.text, 'aria-current="true"' in other.text) == (422, False, False)


def test_agreement_is_shown_by_policy(spam_or_scam: Desk) -> None:
    desk = spam_or_scam
    draw(desk, 12, flagged=True)
    draw(desk, 12)
    ana, bob = desk.client("ana"), desk.client("bob")
    item = ana.get("/api/v1/blind/next").json()["item"]
    refused = ana.post(f"/blind/{item}", data={"verdict": "confirmed"})
    assert (refused.status_code, "one of spam, scam" in refused.text) == (422, True)
    for client, scams in ((ana, ("f0", "f1", "f2", "f3")), (bob, ("f0", "f1"))):
        while (answer := client.get("/api/v1/blind/next")).status_code == 200:
            found = answer.json()
            policy = "scam" if found["post_id"] in scams else "spam"
            verdict = (
                {"verdict": "confirmed", "policy": policy}
                if found["post_id"][0] == "f"
                else {"verdict": "not_a_violation"}
            )
            assert client.post(f"/api/v1/blind/{found['item']}/verdicts", json=verdict).status_code == 201
    found = bob.get("/api/v1/quality").json()
    scam, spam = found["policies"]
    assert (scam["policy"], scam["model_kappa"], scam["model_items"]) == ("scam", 1.0, 16)
    assert (spam["policy"], spam["model_kappa"], spam["model_items"]) == ("spam", 1.0, 20)
    assert scam["people_items"] == spam["people_items"] == found["people_items"] > 0
    assert "Agreement by policy" in bob.get("/quality").text


@pytest.mark.parametrize("unclear", [{"verdict": "uncertain"}, {"verdict": "confirmed"}])
def test_agreement_by_policy_leaves_out_verdicts_that_name_no_policy(desk: Desk, unclear: dict[str, str]) -> None:
    draw(desk, 24, flagged=True)
    ana = desk.client("ana")
    desk.console = dataclasses.replace(desk.console, settings=ConsoleSettings(policies=("spam", "scam")))
    bob = desk.client("bob")
    for client, sent in ((ana, unclear), (bob, {"verdict": "confirmed", "policy": "scam"})):
        while (answer := client.get("/api/v1/blind/next")).status_code == 200:
            item = answer.json()["item"]
            assert client.post(f"/api/v1/blind/{item}/verdicts", json=sent).status_code == 201
    found = bob.get("/api/v1/quality").json()
    (scam,) = found["policies"]
    assert found["people_items"] > 0
    assert (scam["people_items"], scam["people_alpha"]) == (0, None)
