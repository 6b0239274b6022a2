"""Appeals: due in 48 hours, decided by a person who has not decided before, about the decided flags."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from moderation.review.decisions import ProposedDecision
from moderation.review.flag_decisions import decide
from moderation.review.people import NewPerson, add_person
from moderation.review.queries import show_flag
from tests.contract.samples import flag
from tests.integration.console.conftest import PASSWORD, Desk
from tests.integration.console.test_api import caller, decision, state_of

APPEAL = {"kind": "translator", "statement": "I wrote this in Portuguese and <b>translated</b> it."}


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """A console on which ana has confirmed account a1, and then a2."""
    desk.flag(flag("p1"), flag("p2", account_id="a2"))
    ana = caller(desk)
    for account_id in ("a1", "a2"):
        key = desk.key(account_id)
        assert ana.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(ana, key))).status_code == 201
    return desk


def appeal(client: TestClient, desk: Desk, account_id: str = "a1", **changes: Any) -> Any:
    """Send an appeal."""
    return client.post(f"/api/v1/accounts/{desk.key(account_id)}/appeals", json=APPEAL | changes)


def test_an_appeal_is_due_in_48_hours_and_decided_by_the_role_appeals(decided: Desk) -> None:
    sam, ida, key = caller(decided, "sam"), decided.client("ida"), decided.key("a1")
    received = appeal(sam, decided)
    assert (received.status_code, received.json()["due_at"]) == (201, "2026-12-01T09:00:00+00:00")
    assert "due in 2 d" in ida.get("/queue").text
    assert ida.post("/queue/next").headers["location"] == f"/accounts/{key}"
    page = ida.get(f"/accounts/{key}").text
    assert "The author used a translator." in page
    for form in ("skip", "hold", "release"):
        assert f'action="/accounts/{key}/{form}"' in page
    assert "/skip" not in ida.get(f"/accounts/{decided.key('a2')}").text
    assert "/release" not in decided.client("ana").get(f"/accounts/{key}").text
    assert "&lt;b&gt;translated&lt;/b&gt;" in page
    program = caller(decided, "ida")
    sent = decision(state_of(program, key), verdict="not_a_violation")
    assert program.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    assert show_flag(decided.console.engine, 1).summary.status == "not_a_violation"
    found = program.get(f"/api/v1/accounts/{key}").json()["account"]["appeals"][0]
    assert (found["verdict"], found["decided_at"]) == ("not_a_violation", "2026-11-29T09:00:00+00:00")
    assert ida.post("/queue/next").headers["location"] == "/queue?done=end"
    again = caller(decided, "sam").post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(sam, key)))
    assert again.status_code == 403
    withdrawn = program.post(f"/api/v1/accounts/{key}/withdrawals", json={"ground": "no"})
    assert (withdrawn.status_code, "on appeal" in withdrawn.json()["detail"]) == (403, True)


def test_the_appeal_that_is_due_first_comes_first_and_an_overdue_one_is_marked(decided: Desk) -> None:
    sam = caller(decided, "sam")
    appeal(sam, decided, "a2")
    decided.clock.turn(hours=1)
    appeal(sam, decided, "a1")
    items = sam.get("/api/v1/queue?view=appeals&limit=1").json()
    assert items["items"][0]["account_id"] == "a2"
    following = sam.get("/api/v1/queue", params={"view": "appeals", "cursor": items["next_cursor"]}).json()
    assert [item["account_id"] for item in following["items"]] == ["a1"]
    for name in ("a1", "a2"):
        assert caller(decided, "ida").post(f"/api/v1/accounts/{decided.key(name)}/claim").status_code == 200
    own = {"view": "mine", "limit": "1"}
    first = caller(decided, "ida").get("/api/v1/queue", params=own).json()
    second = caller(decided, "ida").get("/api/v1/queue", params=own | {"cursor": first["next_cursor"]}).json()
    assert [item["account_id"] for page in (first, second) for item in page["items"]] == ["a2", "a1"]
    decided.clock.turn(hours=47, seconds=1)
    assert "overdue" in decided.client("ida").get("/queue").text


@pytest.mark.parametrize(
    ("view", "sent"), [("held", {"reason": "ask legal", "hours": "24"}), ("skipped", {"reason": "x"})]
)
def test_an_appeal_that_is_held_or_skipped_is_in_the_view_of_these(
    decided: Desk, view: str, sent: dict[str, str]
) -> None:
    appeal(caller(decided, "sam"), decided)
    ida = decided.client("ida")
    ida.post(f"/accounts/{decided.key('a1')}/{'hold' if view == 'held' else 'skip'}", data=sent)
    assert ida.get("/api/v1/queue").json()["items"] == []
    assert [one["account_id"] for one in ida.get(f"/api/v1/queue?view={view}").json()["items"]] == ["a1"]


def test_an_appeal_of_a_skipped_account_is_not_claimed_by_a_reviewer(desk: Desk) -> None:
    desk.flag(flag("p1"))
    bob, sam, ida, key = caller(desk, "bob"), caller(desk, "sam"), desk.client("ida"), desk.key("a1")
    assert bob.post(f"/api/v1/accounts/{key}/skip", json={"reason": "x"}).status_code == 204
    assert sam.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(sam, key))).status_code == 201
    appeal(sam, desk)
    assert bob.post("/api/v1/queue/next?view=skipped").status_code == 204
    assert ida.post("/queue/next").headers["location"] == f"/accounts/{key}"


def test_a_decision_on_appeal_leaves_newer_flags_with_the_senior_who_was_asked(decided: Desk) -> None:
    sam, ida, key = caller(decided, "sam"), caller(decided, "ida"), decided.key("a1")
    appeal(sam, decided)
    decided.flag(flag("p9"))
    reason = {"reason": "the same words in another language"}
    assert caller(decided).post(f"/api/v1/accounts/{key}/escalation", json=reason).status_code == 204
    sent = decision(state_of(ida, key), verdict="not_a_violation")
    assert ida.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    found = sam.get(f"/api/v1/accounts/{key}").json()["account"]
    assert (found["escalated_reason"], found["open_flags"]) == (reason["reason"], 1)
    assert [one["account_id"] for one in sam.get("/api/v1/queue?view=escalated").json()["items"]] == ["a1"]
    assert sam.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(sam, key))).status_code == 201
    assert sam.get(f"/api/v1/accounts/{key}").json()["account"]["escalated_reason"] is None


def test_no_undo_is_offered_of_a_decision_on_appeal(decided: Desk) -> None:
    ida, path = decided.client("ida"), f"/accounts/{decided.key('a1')}"
    appeal(caller(decided, "sam"), decided)
    sent = {"state": state_of(caller(decided, "ida"), decided.key("a1")), "verdict": "confirmed", "ground": "as before"}
    page = ida.get(ida.post(f"{path}/decide", data=sent).headers["location"]).text
    assert "Recorded on appeal: confirmed, about" in page
    assert "Undo" not in page


def test_the_person_who_decided_does_not_decide_the_appeal(decided: Desk) -> None:
    add_person(decided.console.engine, NewPerson("eve", "appeals", PASSWORD), by="tests", now=decided.clock.now)
    appeal(caller(decided, "sam"), decided)
    ida, key = caller(decided, "ida"), decided.key("a1")
    ida.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(ida, key)))
    appeal(caller(decided, "sam"), decided)
    assert ida.post("/api/v1/queue/next").status_code == 204
    assert "another person" in decided.client("ida").get(f"/accounts/{key}").text
    refused = ida.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(ida, key)))
    assert refused.status_code == 403
    eve = caller(decided, "eve")
    assert eve.post("/api/v1/queue/next").json()["key"] == key
    assert eve.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(eve, key))).status_code == 201


def test_an_appeal_is_about_the_decided_flags_and_leaves_new_ones_open(decided: Desk) -> None:
    appeal(caller(decided, "sam"), decided)
    decided.flag(flag("p9"))
    ida, key = caller(decided, "ida"), decided.key("a1")
    sent = decision(state_of(ida, key), verdict="uncertain")
    assert ida.post(f"/api/v1/accounts/{key}/decisions", json=sent).json()["flags"] == 1
    assert [show_flag(decided.console.engine, n).summary.status for n in (1, 3)] == ["uncertain", "open"]


def test_a_decision_on_appeal_needs_an_open_appeal(decided: Desk) -> None:
    ida, key = caller(decided, "ida"), decided.key("a1")
    refused = ida.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(ida, key)))
    assert (refused.status_code, "no appeal of this account is open" in refused.json()["detail"]) == (403, True)
    assert "No appeal of this account is open." in decided.client("ida").get(f"/accounts/{key}").text


def test_a_decision_that_was_appealed_is_not_withdrawn(decided: Desk) -> None:
    appeal(caller(decided, "sam"), decided)
    path = f"/api/v1/accounts/{decided.key('a1')}/withdrawals"
    refused = caller(decided).post(path, json={"ground": "wrong"})
    assert (refused.status_code, "has appealed" in refused.json()["detail"]) == (403, True)


def test_the_person_who_decided_cannot_keep_the_appeal_from_others(decided: Desk) -> None:
    appeal(caller(decided, "sam"), decided)
    ana, path = caller(decided), f"/api/v1/accounts/{decided.key('a1')}"
    assert ana.post(f"{path}/claim").status_code == 422
    assert ana.put(f"{path}/hold", json={"hours": 72, "reason": "later"}).status_code == 422
    assert caller(decided, "ida").post("/api/v1/queue/next").status_code == 200


@pytest.mark.parametrize("put_off", ["skip", "hold"])
def test_an_appeal_that_was_skipped_or_held_is_not_offered_again(decided: Desk, put_off: str) -> None:
    appeal(caller(decided, "sam"), decided)
    ida, path = caller(decided, "ida"), f"/api/v1/accounts/{decided.key('a1')}"
    if put_off == "skip":
        ida.post(f"{path}/skip", json={"reason": "I know this person"})
    else:
        ida.put(f"{path}/hold", json={"hours": 1, "reason": "ask legal"})
    assert ida.post("/api/v1/queue/next").status_code == 204


def test_decisions_about_single_flags_close_the_appeal_after_the_last_one(decided: Desk) -> None:
    engine, sam = decided.console.engine, caller(decided, "sam")
    decided.flag(flag("p9"))
    ana, key = caller(decided), decided.key("a1")
    ana.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(ana, key)))
    appeal(sam, decided)
    for flag_id, due in ((1, True), (3, False)):
        decide(engine, ProposedDecision(flag_id, "ida", "appeals", "not_a_violation", "checked", 1))
        listed = sam.get("/api/v1/queue?view=appeals").json()["items"]
        assert bool(listed) == due
    assert sam.get(f"/api/v1/accounts/{key}").json()["account"]["appeals"][0]["verdict"] == "not_a_violation"


def test_an_appeal_is_offered_after_the_command_decided_about_a_held_account(desk: Desk) -> None:
    desk.flag(flag("p1"))
    sam, ida, key = caller(desk, "sam"), caller(desk, "ida"), desk.key("a1")
    held = sam.put(f"/api/v1/accounts/{key}/hold", json={"hours": 72, "reason": "ask legal"})
    assert held.status_code == 200
    decide(desk.console.engine, ProposedDecision(1, "sam", "senior", "confirmed", "rule 4", 0))
    assert appeal(sam, desk).status_code == 201
    assert [item["account_id"] for item in ida.get("/api/v1/queue?view=appeals").json()["items"]] == ["a1"]
    sent = decision(state_of(ida, key), verdict="not_a_violation")
    assert ida.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201


def test_appeals_that_cannot_be_received_are_explained(decided: Desk) -> None:
    sam = caller(decided, "sam")
    decided.flag(flag("p3", account_id="a3"))
    for answer, status, words in (
        (appeal(sam, decided, "a3"), 403, "no decision about this account"),
        (appeal(sam, decided, kind="bribe"), 422, "kind"),
        (appeal(sam, decided, statement=" "), 422, "1 to 10000 characters"),
        (appeal(sam, decided, "unknown"), 404, "no account in review"),
        (appeal(caller(decided, "ana"), decided), 403, "may not do this"),
    ):
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert appeal(sam, decided).status_code == 201
    assert "open already" in appeal(sam, decided).json()["detail"]
    assert caller(decided, "ana").post("/api/v1/queue/next?view=appeals").status_code == 422
