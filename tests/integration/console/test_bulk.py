"""One decision about many accounts: who is hit is shown first, all or none are covered, one undo withdraws it."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from connectors.reviewdb.audit_log import verify
from moderation.settings.sections import ConsoleSettings
from tests.contract.samples import PLATFORM, flag
from tests.integration.console.conftest import Desk

GROUND = "five accounts with one text; rule 4"


@pytest.fixture(autouse=True)
def flags(desk: Desk) -> None:
    """Five accounts that share an address and a text (the samples do), the last of which was cleared before."""
    desk.flag(*(flag(f"p{n}", account_id=f"a{n}", risk=0.9 + n / 100) for n in range(1, 6)))
    ana, key = desk.client("ana"), desk.key("a5")
    state = ana.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    sent = {"state": state, "verdict": "not_a_violation", "ground": "a real person"}
    assert ana.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    desk.flag(flag("p6", account_id="a5", risk=0.95))


def look(client: TestClient, desk: Desk) -> list[dict[str, Any]]:
    """The preview of the accounts that are linked with the first one."""
    found: list[dict[str, Any]] = client.post("/api/v1/decisions/preview", json={"linked_with": desk.key("a1")}).json()
    return found


def send(client: TestClient, hits: list[dict[str, Any]], request_id: str = "one") -> Any:
    """A decision about these accounts."""
    members = [{"key": hit["key"], "state": hit["state"]} for hit in hits]
    sent = {"members": members, "verdict": "confirmed", "ground": GROUND}
    return client.post("/api/v1/decisions", json=sent, headers={"idempotency-key": request_id})


def open_accounts(client: TestClient) -> list[str]:
    """The ids of the queue."""
    return sorted(item["account_id"] for item in client.get("/api/v1/queue").json()["items"])


def test_a_cluster_is_decided_once_without_those_who_are_taken_out_and_undone_once(desk: Desk) -> None:
    sam = desk.client("sam")
    hits = look(sam, desk)
    assert [(hit["account_id"], hit["cleared"]) for hit in hits] == [
        ("a5", True),
        ("a4", False),
        ("a3", False),
        ("a2", False),
        ("a1", False),
    ]
    chosen = [hit for hit in hits if not hit["cleared"]]
    done = send(sam, chosen).json()
    assert (done["accounts"], done["flags"]) == (4, 4)
    assert send(sam, chosen).json() == done
    assert open_accounts(sam) == ["a5"]
    assert sam.post(f"/api/v1/decisions/{done['id']}/withdrawals", json={"ground": "too early"}).status_code == 201
    assert open_accounts(sam) == ["a1", "a2", "a3", "a4", "a5"]
    again = sam.post(f"/api/v1/decisions/{done['id']}/withdrawals", json={"ground": "too early"})
    assert again.status_code == 403
    assert sam.post("/api/v1/decisions/99/withdrawals", json={"ground": "too early"}).status_code == 404
    assert verify(desk.console.engine).problems == ()


def test_when_one_account_changed_nothing_is_recorded(desk: Desk) -> None:
    sam = desk.client("sam")
    hits = look(sam, desk)
    desk.flag(flag("p9", account_id="a3"))
    stale = send(sam, hits)
    assert stale.status_code == 409
    assert stale.json()["changes"] == ["the account 'a3' changed"]
    assert open_accounts(sam) == ["a1", "a2", "a3", "a4", "a5"]


def test_accounts_that_another_person_reviews_or_that_many_follow_are_refused(desk: Desk) -> None:
    desk.flag(dataclasses.replace(flag("p7", account_id="a7"), followers=50_000))
    desk.console = dataclasses.replace(desk.console, settings=ConsoleSettings(second_person_followers=10_000))
    sam = desk.client("sam")
    desk.client("ana").post(f"/api/v1/accounts/{desk.key('a2')}/claim")
    hits = {hit["account_id"]: hit for hit in look(sam, desk)}
    assert "ana has claimed this account" in hits["a2"]["refused"]
    assert "two people decide" in hits["a7"]["refused"]
    for name in ("a2", "a7"):
        refused = send(sam, [hits["a1"], hits[name]], name)
        assert refused.status_code == 403
        assert f"the account '{name}' cannot be covered" in refused.json()["detail"]
    assert "a1" in open_accounts(sam)


def test_a_cap_limits_how_many_are_hit(desk: Desk) -> None:
    desk.console = dataclasses.replace(desk.console, settings=ConsoleSettings(bulk_limit=2))
    sam = desk.client("sam")
    hits = look(sam, desk)
    assert len(hits) == 2
    three = [hits[0], hits[1], {"key": "f" * 64, "state": "1.0"}]
    assert "covers 1 to 2 accounts (console.bulk_limit), got 3" in send(sam, three).json()["detail"]


def test_only_the_person_who_decided_withdraws_within_an_hour(desk: Desk) -> None:
    from moderation.review.people import NewPerson, add_person
    from tests.integration.console.conftest import PASSWORD

    add_person(desk.console.engine, NewPerson("eve", "senior", PASSWORD), by="tests", now=desk.clock.now)
    sam, eve = desk.client("sam"), desk.client("eve")
    done = send(sam, look(sam, desk)).json()
    assert eve.post(f"/bulk/{done['id']}/withdraw").status_code == 403
    desk.clock.turn(minutes=61)
    assert sam.post(f"/bulk/{done['id']}/withdraw").status_code == 403


def test_an_undo_that_is_refused_for_some_accounts_offers_the_others_by_name(desk: Desk) -> None:
    sam = desk.client("sam")
    done = send(sam, look(sam, desk)).json()
    desk.clock.turn(minutes=1)
    for name in ("a1", "a2"):
        sam.post(f"/api/v1/accounts/{desk.key(name)}/withdrawals", json={"ground": "too early"})
    state = sam.get(f"/api/v1/accounts/{desk.key('a2')}").json()["account"]["state"]
    again = {"state": state, "verdict": "uncertain", "ground": "a second look"}
    assert sam.post(f"/api/v1/accounts/{desk.key('a2')}/decisions", json=again).status_code == 201
    address = f"/api/v1/decisions/{done['id']}"
    refused = sam.post(f"{address}/withdrawals", json={"ground": "all"})
    assert refused.status_code == 403
    assert {"'a1'", "'a2'"} <= set(refused.json()["detail"].replace(":", " ").split())
    covered = {one["account_id"]: one["refused"] for one in sam.get(address).json()["accounts"]}
    assert covered["a2"] == "you decided about this account again later"
    assert sorted(name for name, reason in covered.items() if reason is None) == ["a3", "a4", "a5"]
    page = sam.post(f"/bulk/{done['id']}/withdraw")
    assert page.status_code == 403
    offered = re.findall(r'name="member" value="([0-9a-f]{64})" checked', page.text)
    assert sorted(offered) == sorted(desk.key(name) for name in ("a3", "a4", "a5"))
    assert "again later" in page.text
    assert sam.post(f"/bulk/{done['id']}/withdraw", data={"chosen": "1"}).status_code == 422
    other = sam.post(f"{address}/withdrawals", json={"ground": "all", "keys": ["f" * 64]})
    assert other.status_code == 422
    sent = {"chosen": "1", "member": offered[:2]}
    assert sam.post(f"/bulk/{done['id']}/withdraw", data=sent).headers["location"].endswith(f"undone-{done['id']}-2")
    assert len(open_accounts(sam)) == 3
    again = sam.post(f"{address}/withdrawals", json={"ground": "all", "keys": [offered[2]]})
    assert (again.status_code, "left out can still withdraw it" in again.json()["detail"]) == (403, True)
    left = sam.post(f"/api/v1/accounts/{offered[2]}/withdrawals", json={"ground": "too early"})
    assert left.status_code == 201
    assert verify(desk.console.engine).problems == ()


def test_the_page_names_who_was_cleared_before_and_does_not_choose_them(desk: Desk) -> None:
    sam = desk.client("sam")
    assert sam.get(f"/bulk?linked_with={desk.key('a1')}&by=name").status_code == 422
    page = sam.get(f"/bulk?linked_with={desk.key('a1')}").text
    assert "1 of these accounts was cleared by a person before" in page
    boxes = dict(re.findall(r'name="member" value="([0-9a-f]{64}):[^"]*" aria-label="[^"]*"( checked)?', page))
    assert {key for key, checked in boxes.items() if checked} == {desk.key(f"a{n}") for n in range(1, 5)}
    members = re.findall(r'name="member" value="([^"]*)" aria-label="[^"]*" checked', page)
    sent = {"member": members, "listed": list(boxes), "verdict": "confirmed", "ground": GROUND, "request_id": "form"}
    done = sam.post("/bulk", data=sent)
    assert re.fullmatch(r"/queue\?done=many-\d+-4", done.headers["location"])
    page = sam.get(done.headers["location"]).text
    assert "Recorded about 4 accounts." in page
    number = re.search(r"/bulk/(\d+)/withdraw", page)
    assert number is not None
    undone = sam.post(number[0])
    assert "4 accounts are open again" in sam.get(undone.headers["location"]).text


def test_a_refused_form_keeps_words_and_choice(desk: Desk) -> None:
    sam = desk.client("sam")
    members = [f"{hit['key']}:{hit['state']}" for hit in look(sam, desk)[:2]]
    listed = [value.partition(":")[0] for value in members]
    sent = {"member": members[:1], "listed": listed, "verdict": "confirmed", "ground": " ", "request_id": "form"}
    page = sam.post("/bulk", data=sent)
    assert page.status_code == 422
    assert "a decision needs its ground" in page.text
    assert page.text.count(" checked") == 3  # one account, the verdict, and the choice of keys
    assert sam.post("/bulk", data={"listed": "no key"}).status_code == 422
    assert "No account is in this selection" in sam.get("/bulk?family=graph").text
    assert PLATFORM not in sam.get(f"/bulk?linked_with={'0' * 64}").text
