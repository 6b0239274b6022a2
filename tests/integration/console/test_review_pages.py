"""A reviewer signs in, opens the next account, decides, and goes on; what cannot be done changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from connectors.reviewdb.audit_log import verify
from moderation.review.queries import show_flag
from tests.contract.samples import HOSTILE, flag
from tests.integration.console.conftest import PASSWORD, Desk

Hidden = Callable[[str, str], str]
GROUND = "the same text from nine accounts; rule 4"


@pytest.fixture(autouse=True)
def flags(desk: Desk) -> None:
    """Account a1 with two flags, a2 of higher risk, and one whose author wrote everything to do harm."""
    desk.flag(
        flag("p1", risk=0.95),
        flag("p2", risk=0.96),
        flag("p3", risk=0.99, account_id="a2"),
        flag(HOSTILE, account_id=HOSTILE, text="<script>alert(1)</script>\u202eevil\u200b" + HOSTILE, risk=0.91),
    )


def form(page: str, hidden: Hidden, **changes: str) -> dict[str, str]:
    """The form of a decision as a browser sends it."""
    values = {"state": hidden(page, "state"), "request_id": hidden(page, "request_id"), "verdict": "confirmed"}
    return values | {"ground": GROUND, "then": "next"} | changes


def statuses(desk: Desk) -> list[tuple[str, int]]:
    """Status and version of the flags."""
    return [
        (show_flag(desk.console.engine, n).summary.status, show_flag(desk.console.engine, n).summary.version)
        for n in (1, 2, 3)
    ]


def test_decide_and_next_covers_all_open_flags_and_opens_the_account_of_next_risk(desk: Desk, hidden: Hidden) -> None:
    ana = desk.client("ana")
    assert "a2" in ana.get("/queue").text
    opened = ana.post("/queue/next")
    assert opened.headers["location"] == f"/accounts/{desk.key('a2')}"
    page = ana.get(opened.headers["location"]).text
    decided = ana.post(f"/accounts/{desk.key('a2')}/decide", data=form(page, hidden))
    assert decided.status_code == 303
    assert decided.headers["location"] == f"/accounts/{desk.key('a1')}?done=decided-{desk.key('a2')}"
    page = ana.get(decided.headers["location"]).text
    assert "Recorded: confirmed" in page
    ana.post(f"/accounts/{desk.key('a1')}/decide", data=form(page, hidden, verdict="not_a_violation"))
    assert statuses(desk) == [("not_a_violation", 1), ("not_a_violation", 1), ("confirmed", 1)]
    assert verify(desk.console.engine).problems == ()


def test_a_withdrawn_decision_opens_the_flags_again_and_stays_in_the_history(desk: Desk, hidden: Hidden) -> None:
    ana, key = desk.client("ana"), desk.key("a1")
    ana.post(f"/accounts/{key}/decide", data=form(ana.get(f"/accounts/{key}").text, hidden))
    assert ana.post(f"/accounts/{key}/withdraw").status_code == 303
    assert statuses(desk)[:2] == [("open", 2), ("open", 2)]
    assert "withdrawn" in ana.get(f"/accounts/{key}").text
    desk.clock.turn(minutes=11)
    bob = desk.client("bob")
    again = bob.post(f"/accounts/{key}/decide", data=form(bob.get(f"/accounts/{key}").text, hidden))
    assert again.status_code == 303
    assert ana.post(f"/accounts/{key}/withdraw").status_code == 403
    desk.clock.turn(minutes=61)
    assert bob.post(f"/accounts/{key}/withdraw").status_code == 403
    assert statuses(desk)[:2] == [("confirmed", 3), ("confirmed", 3)]


def test_a_flag_raised_meanwhile_is_not_covered_and_the_words_are_kept(desk: Desk, hidden: Hidden) -> None:
    ana, key = desk.client("ana"), desk.key("a1")
    page = ana.get(f"/accounts/{key}").text
    desk.flag(flag("p9", risk=0.97))
    answer = ana.post(f"/accounts/{key}/decide", data=form(page, hidden))
    assert answer.status_code == 409
    assert "1 new flag" in answer.text
    assert GROUND in answer.text
    assert statuses(desk)[0] == ("open", 0)
    assert ana.post(f"/accounts/{key}/decide", data=form(answer.text, hidden)).status_code == 303


def test_the_claim_of_another_person_blocks_until_it_expires(desk: Desk, hidden: Hidden) -> None:
    ana, bob, key = desk.client("ana"), desk.client("bob"), desk.key("a2")
    page = ana.get(f"/accounts/{key}").text
    shown = bob.get(f"/accounts/{key}").text
    assert "Reviewer 2 reviews this account" in shown
    assert "Also here: <bdi>Reviewer 2</bdi>" in shown
    refused = bob.post(f"/accounts/{key}/decide", data=form(page, hidden))
    assert refused.status_code == 409
    assert "Reviewer 2 has claimed" in refused.text
    assert bob.post("/queue/next").headers["location"] == f"/accounts/{desk.key('a1')}"
    assert bob.post(f"/accounts/{key}/release").status_code == 403
    desk.clock.turn(minutes=10, seconds=1)
    assert "Reviewer 2 reviews" not in bob.get(f"/accounts/{key}").text
    assert desk.client("sam").post(f"/accounts/{key}/release").status_code == 303


def test_a_skipped_account_returns_to_others_only_and_a_held_one_after_its_time(desk: Desk) -> None:
    ana, bob = desk.client("ana"), desk.client("bob")
    ana.post(f"/accounts/{desk.key('a2')}/skip", data={"reason": "I know this person"})
    assert desk.key("a2") not in ana.get("/queue").text
    assert desk.key("a2") in ana.get("/queue?view=skipped").text
    assert desk.key("a2") in bob.get("/queue").text
    ana.post(f"/accounts/{desk.key('a1')}/release")
    held = bob.post(f"/accounts/{desk.key('a1')}/hold", data={"reason": "waiting for legal", "hours": "4"})
    assert held.status_code == 303
    assert desk.key("a1") not in bob.get("/queue").text
    assert "waiting for legal" in ana.get("/queue?view=held").text
    desk.clock.turn(hours=4, seconds=1)
    bob = desk.client("bob")
    assert desk.key("a1") in bob.get("/queue").text
    assert bob.post(f"/accounts/{desk.key('a1')}/skip", data={"reason": " "}).status_code == 422


def test_hostile_text_is_text_on_every_page(desk: Desk, hidden: Hidden) -> None:
    sam, key = desk.client("sam"), desk.key(HOSTILE)
    page = sam.get(f"/accounts/{key}").text
    sam.post(f"/accounts/{key}/decide", data=form(page, hidden, ground="<b>ground</b>\u202e", then="stay"))
    for path in ("/queue", f"/accounts/{key}", "/flags/4/text", "/audit", f"/queue?done=decided-{key}"):
        answer = sam.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "<b>ground" not in answer.text, path
        assert not {"\u202e", "\u200b", "\x1b", "\x00"} & set(answer.text), path
    assert "U+202E" in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"ground": "  "}, 422, "needs its ground"),
        ({"verdict": "guilty"}, 422, "verdict must be one of"),
        ({"state": "nonsense"}, 422, "not one of an account"),
        ({"ground": "x" * 10_001}, 422, "longer than 10000"),
    ],
)
def test_a_wrong_form_is_explained_and_changes_nothing(
    desk: Desk, hidden: Hidden, changes: dict[str, str], status: int, words: str
) -> None:
    ana, key = desk.client("ana"), desk.key("a1")
    answer = ana.post(f"/accounts/{key}/decide", data=form(ana.get(f"/accounts/{key}").text, hidden, **changes))
    assert answer.status_code == status
    assert words in answer.text
    assert statuses(desk)[0] == ("open", 0)


def test_the_same_form_twice_is_recorded_once(desk: Desk, hidden: Hidden) -> None:
    ana, key = desk.client("ana"), desk.key("a1")
    sent = form(ana.get(f"/accounts/{key}").text, hidden)
    assert [ana.post(f"/accounts/{key}/decide", data=sent).status_code for _ in range(2)] == [303, 303]
    assert statuses(desk)[0] == ("confirmed", 1)


def test_an_unknown_account_and_a_malformed_key_get_a_page(desk: Desk) -> None:
    ana = desk.client("ana")
    for path, status in ((f"/accounts/{'0' * 64}", 404), ("/accounts/../x", 404), ("/accounts/abc", 422), ("/x", 404)):
        answer = ana.get(path)
        assert answer.status_code == status, path
        assert "Back to the queue" in answer.text


def test_search_leads_to_the_account(desk: Desk) -> None:
    ana = desk.client("ana")
    assert ana.get("/find", params={"account": "a1"}).headers["location"] == f"/accounts/{desk.key('a1')}"
    assert ana.get("/find", params={"account": "unknown"}).status_code == 404


def columns(desk: Desk, key: str) -> Any:
    """The queue columns of an account."""
    with desk.console.engine.connect().execution_options(reading=True) as connection:
        query = "SELECT open_flags, risk, families FROM accounts_in_review WHERE key = :key"
        return tuple(connection.execute(text(query), {"key": key}).one())


def test_queue_columns_follow_flags_decisions_and_replays(desk: Desk, hidden: Hidden) -> None:
    key = desk.key("a1")
    assert columns(desk, key) == (2, 0.96, '["content","typing"]')
    desk.flag(flag("p1", risk=0.95), flag("p4", risk=0.98, agreeing=("graph", "network")))
    assert columns(desk, key) == (3, 0.98, '["network","graph"]')
    ana = desk.client("ana")
    assert [key in ana.get(f"/queue?family={family}").text for family in ("graph", "typing")] == [True, False]
    ana.post(f"/accounts/{key}/decide", data=form(ana.get(f"/accounts/{key}").text, hidden))
    assert columns(desk, key) == (0, 0.0, "[]")
    desk.flag(flag("p5", risk=0.92))
    assert columns(desk, key) == (1, 0.92, '["content","typing"]')


def test_a_flagged_post_without_an_account_is_reviewed_alone(desk: Desk, hidden: Hidden) -> None:
    desk.flag(flag("lonely", account_id=None, risk=0.999))
    ana = desk.client("ana")
    path = ana.post("/queue/next").headers["location"]
    page = ana.get(path).text
    assert "Post without account" in page
    ana.post(f"{path}/decide", data=form(page, hidden))
    assert show_flag(desk.console.engine, 5).summary.status == "confirmed"


def test_wrong_password_unknown_name_and_disabled_person_look_the_same(desk: Desk) -> None:
    from moderation.review.people import disable_person

    ana = desk.client("ana")
    disable_person(desk.console.engine, "ana", by="tests", now=desk.clock.now)
    client = desk.client()
    answers = [
        client.post("/sign-in", data={"name": name, "password": password})
        for name, password in (("bob", "wrong password"), ("unknown", PASSWORD), ("ana", PASSWORD))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all("The name or the password is wrong." in answer.text for answer in answers)
    assert ana.get("/queue").headers["location"].startswith("/sign-in")
