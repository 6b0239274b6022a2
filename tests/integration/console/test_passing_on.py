"""Accounts that go to a senior or to another person, and accounts about which two people decide."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from connectors.reviewdb.audit_log import verify
from moderation.settings.sections import ConsoleSettings
from tests.contract.samples import flag
from tests.integration.console.conftest import Desk

REASON = "the author says that a school wrote these"


@pytest.fixture(autouse=True)
def flags(desk: Desk) -> None:
    """One account with 50 000 followers and one with few."""
    desk.flag(
        dataclasses.replace(flag("p1", risk=0.95), followers=50_000),
        dataclasses.replace(flag("p2", risk=0.94, account_id="a2"), followers=3),
    )


def account(client: TestClient, key: str) -> dict[str, Any]:
    """An account by the API."""
    found: dict[str, Any] = client.get(f"/api/v1/accounts/{key}").json()
    return found


def decide(client: TestClient, key: str, verdict: str = "confirmed", ground: str = "rule 4") -> Any:
    """A decision about the account as it is now."""
    sent = {"state": account(client, key)["account"]["state"], "verdict": verdict, "ground": ground}
    return client.post(f"/api/v1/accounts/{key}/decisions", json=sent)


def keys(client: TestClient, view: str) -> list[str]:
    """The account ids of a view."""
    return [item["account_id"] for item in client.get(f"/api/v1/queue?view={view}").json()["items"]]


def test_an_escalated_account_waits_for_a_senior_only(desk: Desk) -> None:
    ana, sam, key = desk.client("ana"), desk.client("sam"), desk.key("a1")
    asked = ana.post(f"/accounts/{key}/escalate", data={"reason": REASON})
    assert asked.headers["location"] == f"/accounts/{desk.key('a2')}?done=escalated-{key}"
    assert keys(ana, "open") == ["a2"]
    assert keys(ana, "escalated") == keys(sam, "escalated") == ["a1"]
    assert "A senior decides" in account(ana, key)["why_not_decide"]
    assert decide(ana, key).status_code == 403
    assert ana.post(f"/api/v1/accounts/{key}/claim").status_code == 422
    page = sam.get(f"/accounts/{key}").text
    assert REASON in page
    assert decide(sam, key).status_code == 201
    assert keys(sam, "escalated") == []
    assert account(sam, key)["account"]["escalated_at"] is None
    assert verify(desk.console.engine).problems == ()


def test_a_decision_by_the_command_ends_an_escalation(desk: Desk) -> None:
    from moderation.review.decisions import ProposedDecision
    from moderation.review.flag_decisions import decide as decide_about_flag

    ana, key = desk.client("ana"), desk.key("a1")
    ana.post(f"/api/v1/accounts/{key}/escalation", json={"reason": REASON})
    decide_about_flag(desk.console.engine, ProposedDecision(1, "sam", "senior", "confirmed", "rule 4", 0))
    desk.flag(flag("p9", risk=0.97))
    assert keys(ana, "escalated") == []
    assert keys(ana, "open") == ["a1", "a2"]


def test_escalation_needs_a_reason_and_an_open_flag(desk: Desk) -> None:
    ana, key = desk.client("ana"), desk.key("a1")
    assert ana.post(f"/api/v1/accounts/{key}/escalation", json={"reason": " "}).status_code == 422
    assert decide(ana, key).status_code == 201
    refused = ana.post(f"/api/v1/accounts/{key}/escalation", json={"reason": REASON})
    assert "no open flag" in refused.json()["detail"]


def test_an_account_that_was_passed_on_is_not_taken_or_hidden_by_others(desk: Desk) -> None:
    ana, bob, ida, sam, key = *(desk.client(name) for name in ("ana", "bob", "ida", "sam")), desk.key("a1")
    address = f"/api/v1/accounts/{key}"
    sam.put(f"{address}/assignment", json={"to": "bob"})
    for method, path in (("POST", "escalation"), ("PUT", "hold")):
        sent = {"reason": REASON} | ({"hours": 4} if path == "hold" else {})
        assert ana.request(method, f"{address}/{path}", json=sent).status_code == 403
    assert ida.post(f"{address}/escalation", json={"reason": REASON}).status_code == 403
    assert bob.post(f"{address}/escalation", json={"reason": REASON}).status_code == 204
    for other in (ana, sam):
        assert other.post(f"{address}/escalation", json={"reason": "another"}).status_code in (403, 422)
    assert account(sam, key)["account"]["escalated_reason"] == REASON
    assert ana.post("/api/v1/queue/next?view=escalated").status_code == 403
    assert sam.post("/api/v1/queue/next?view=escalated").json()["key"] == key
    assert sam.post("/queue/next?view=escalated").headers["location"] == f"/accounts/{key}"
    assert bob.post("/queue/next?view=escalated").headers["location"] != f"/accounts/{key}"


def test_a_senior_who_skips_an_escalated_account_gets_the_next_one(desk: Desk) -> None:
    ana, sam = desk.client("ana"), desk.client("sam")
    for account_id in ("a1", "a2"):
        asked = ana.post(f"/api/v1/accounts/{desk.key(account_id)}/escalation", json={"reason": REASON})
        assert asked.status_code == 204
    sam.post(f"/accounts/{desk.key('a1')}/skip", data={"reason": "I know this person"})
    assert sam.post("/queue/next?view=escalated").headers["location"] == f"/accounts/{desk.key('a2')}"
    assert keys(sam, "escalated") == ["a1", "a2"]


def test_a_senior_assigns_an_account_to_a_person(desk: Desk) -> None:
    ana, bob, sam, key = desk.client("ana"), desk.client("bob"), desk.client("sam"), desk.key("a1")
    ana.post(f"/api/v1/accounts/{key}/escalation", json={"reason": REASON})
    assert sam.put(f"/api/v1/accounts/{key}/assignment", json={"to": "bob"}).status_code == 204
    assert keys(ana, "open") == ["a2"]
    assert keys(bob, "open") == ["a1", "a2"]
    assert keys(bob, "mine") == ["a1"]
    assert decide(ana, key).json()["detail"].startswith("this account is assigned to another person")
    assert sam.put(f"/api/v1/accounts/{key}/assignment", json={"to": "vera"}).status_code == 422
    assert sam.put(f"/api/v1/accounts/{key}/assignment", json={"to": "nina"}).status_code == 404
    assert decide(bob, key).status_code == 201
    assert account(bob, key)["account"]["assigned_to"] is None
    assert "no open flag" in sam.put(f"/api/v1/accounts/{key}/assignment", json={"to": "bob"}).json()["detail"]
    actions = [entry["action"] for entry in sam.get("/api/v1/audit").json()["entries"]]
    assert actions.count("assigned") == actions.count("escalated") == 1


def test_an_assignment_ends_with_the_person_the_role_and_by_hand(desk: Desk) -> None:
    from moderation.review.people import disable_person, set_role

    ana, sam, key, engine = desk.client("ana"), desk.client("sam"), desk.key("a1"), desk.console.engine
    ends: dict[str, Callable[[], object]] = {
        "by hand": lambda: sam.post(f"/accounts/{key}/assign", data={"person": ""}),
        "role": lambda: set_role(engine, "bob", "appeals", by="tests", now=desk.clock.now),
        "disabled": lambda: disable_person(engine, "bob", by="tests", now=desk.clock.now),
    }
    for name, end in ends.items():
        set_role(engine, "bob", "reviewer", by="tests", now=desk.clock.now)
        sam.post(f"/accounts/{key}/assign", data={"person": "bob"})
        set_role(engine, "bob", "senior", by="tests", now=desk.clock.now)
        assert keys(ana, "open") == ["a2"], name
        end()
        assert keys(ana, "open") == ["a1", "a2"], name


@pytest.fixture
def two_people(desk: Desk) -> Desk:
    """A console on which two people decide about accounts with 10 000 followers."""
    desk.console = dataclasses.replace(desk.console, settings=ConsoleSettings(second_person_followers=10_000))
    return desk


def test_the_first_verdict_about_an_account_that_many_follow_is_held_until_another_person_agrees(
    two_people: Desk,
) -> None:
    desk = two_people
    ana, bob, key = desk.client("ana"), desk.client("bob"), desk.key("a1")
    first = decide(ana, key, ground="first words").json()
    assert (first["outcome"], first["flags"]) == ("first_verdict", 0)
    assert keys(ana, "open") == ["a2"]
    assert keys(bob, "open") == ["a1", "a2"]
    shown = bob.get(f"/accounts/{key}").text
    assert "has given a verdict, which is hidden" in shown
    assert "first words" not in shown
    assert account(bob, key)["account"]["decisions"] == []
    assert "first words" not in desk.client("sam").get("/api/v1/audit").text
    assert decide(bob, key, ground="second words").json()["outcome"] == "decided"
    made = account(desk.client("sam"), key)["account"]["decisions"]
    assert [(one["who"], one["ground"]) for one in made] == [("bob", "second words"), ("ana", "first words")]
    assert verify(desk.console.engine).problems == ()
    assert decide(ana, desk.key("a2")).json()["outcome"] == "decided"


def test_two_people_who_disagree_pass_the_account_on_to_a_senior(two_people: Desk) -> None:
    desk = two_people
    ana, bob, sam, key = desk.client("ana"), desk.client("bob"), desk.client("sam"), desk.key("a1")
    decide(ana, key, ground="copied reviews")
    assert decide(bob, key, "not_a_violation", ground="a real shop").json()["outcome"] == "escalated"
    found = account(sam, key)["account"]
    assert found["decisions"] == []
    assert "confirmed: copied reviews" in found["escalated_reason"]
    assert "not a violation: a real shop" in found["escalated_reason"]
    assert decide(sam, key).json()["outcome"] == "decided"


def test_a_senior_who_gave_one_of_two_differing_verdicts_does_not_decide_which_holds(two_people: Desk) -> None:
    from moderation.review.people import NewPerson, add_person
    from tests.integration.console.conftest import PASSWORD

    desk = two_people
    add_person(desk.console.engine, NewPerson("eve", "senior", PASSWORD), by="tests", now=desk.clock.now)
    ana, sam, eve, key = desk.client("ana"), desk.client("sam"), desk.client("eve"), desk.key("a1")
    decide(sam, key)
    assert decide(ana, key, "not_a_violation").json()["outcome"] == "escalated"
    assert "You gave one of the two verdicts" in account(sam, key)["why_not_decide"]
    assert "another senior decides" in decide(sam, key).json()["detail"]
    assert sam.post("/api/v1/queue/next?view=escalated").status_code == 204
    assert sam.post(f"/api/v1/accounts/{key}/claim").status_code == 422
    assert sam.put(f"/api/v1/accounts/{key}/assignment", json={"to": ""}).status_code == 403
    assert sam.post(f"/accounts/{key}/assign", data={"person": "bob"}).status_code == 403
    assert account(sam, key)["account"]["escalated_at"] is not None
    assert account(sam, key)["account"]["decisions"] == []
    assert decide(eve, key).json()["outcome"] == "decided"
    desk.flag(dataclasses.replace(flag("p9"), followers=50_000))
    assert decide(sam, key).json()["outcome"] == "first_verdict"


def test_a_correction_needs_two_people_who_agree(two_people: Desk) -> None:
    desk = two_people
    ana, bob, sam, key = desk.client("ana"), desk.client("bob"), desk.client("sam"), desk.key("a1")
    decide(ana, key, "uncertain")
    decide(bob, key, "uncertain")
    assert decide(bob, key).json()["outcome"] == "first_verdict"
    assert account(sam, key)["account"]["decisions"][0]["verdict"] == "uncertain"
    assert decide(sam, key, "not_a_violation").json()["outcome"] == "first_verdict"
    assert decide(bob, key, "not_a_violation").json()["outcome"] == "decided"
    assert account(sam, key)["account"]["decisions"][0]["verdict"] == "not_a_violation"


def test_a_senior_who_escalates_an_account_does_not_decide_alone(two_people: Desk) -> None:
    desk = two_people
    sam, key = desk.client("sam"), desk.key("a1")
    assert sam.post(f"/api/v1/accounts/{key}/escalation", json={"reason": REASON}).status_code == 204
    assert decide(sam, key).json()["outcome"] == "first_verdict"


def test_the_command_refuses_an_account_that_needs_two_people_or_that_another_person_claimed(two_people: Desk) -> None:
    from moderation.review.claims import ClaimedByOther
    from moderation.review.decisions import DecisionRefused, ProposedDecision
    from moderation.review.flag_decisions import decide as decide_about_flag

    engine, rules = two_people.console.engine, two_people.console.rules
    with pytest.raises(DecisionRefused, match="two people"):
        decide_about_flag(engine, ProposedDecision(1, "sam", "senior", "confirmed", "rule 4", 0), rules)
    two_people.clock.now = datetime.now(UTC)
    two_people.client("ana").post(f"/api/v1/accounts/{two_people.key('a2')}/claim")
    with pytest.raises(ClaimedByOther):
        decide_about_flag(engine, ProposedDecision(2, "bob", "reviewer", "confirmed", "rule 4", 0), rules)
    decide_about_flag(engine, ProposedDecision(2, "ana", "reviewer", "confirmed", "rule 4", 0), rules)


def test_a_first_verdict_does_not_count_after_a_new_flag_and_can_be_changed_by_its_person(two_people: Desk) -> None:
    desk = two_people
    ana, bob, key = desk.client("ana"), desk.client("bob"), desk.key("a1")
    decide(ana, key)
    assert decide(ana, key, "uncertain").json()["outcome"] == "first_verdict"
    desk.flag(flag("p9", risk=0.97))
    assert decide(bob, key, "uncertain").json()["outcome"] == "first_verdict"
    assert decide(ana, key, "uncertain").json()["outcome"] == "decided"


def test_followers_are_those_of_the_last_event_that_states_them(desk: Desk) -> None:
    desk.flag(flag("p8"))
    assert account(desk.client("ana"), desk.key("a1"))["account"]["followers"] == 50_000
    desk.flag(dataclasses.replace(flag("p9"), followers=70_000))
    assert account(desk.client("ana"), desk.key("a1"))["account"]["followers"] == 70_000
