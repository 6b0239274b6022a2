"""The API does what the pages do: queue with cursors, decisions once, conflicts that say what changed."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from connectors.reviewdb.audit_log import verify
from moderation.review.permissions import SCOPE_ACTIONS
from moderation.review.queries import show_flag
from moderation.review.tokens import NewToken, list_tokens, make_token, revoke_token
from tests.contract.samples import HOSTILE, flag
from tests.integration.console.conftest import Desk

EARLY = base64.urlsafe_b64encode(b'[0.5, "0001-01-01T00:00:00+14:00", "a"]').decode().rstrip("=")
"""A cursor with a time that has no equal in UTC."""
GROUND = "the same text from nine accounts; rule 4"


def caller(desk: Desk, person: str = "ana") -> TestClient:
    """A program with a token of a person, without cookies."""
    new = NewToken(person, "test", list(SCOPE_ACTIONS), 1)
    token = make_token(desk.console.engine, new, by="tests", now=desk.clock.now)
    client = desk.client()
    client.headers = {"authorization": f"Bearer {token}"}  # type: ignore[assignment]
    return client


def decision(state: str, **changes: Any) -> dict[str, Any]:
    """The body of a decision."""
    return {"state": state, "verdict": "confirmed", "ground": GROUND} | changes


def state_of(client: TestClient, key: str) -> str:
    """The state of an account as a program reads it."""
    state: str = client.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    return state


def test_pages_of_the_queue_follow_each_other_without_gap_or_repetition(desk: Desk) -> None:
    risks = [0.95, 0.97, 0.97, 0.97, 0.99]
    desk.flag(*(flag(f"p{n}", account_id=f"q{n}", risk=risk) for n, risk in enumerate(risks)))
    client, seen, cursor = caller(desk), [], None
    while True:
        page = client.get("/api/v1/queue", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(item["account_id"] for item in seen) == [f"q{n}" for n in range(5)]
    assert [item["risk"] for item in seen] == sorted(risks, reverse=True)
    browser, at = desk.client("ana"), seen[-1]
    place = json.dumps([at["risk"], at["waiting_since"], at["key"]])
    beyond = browser.get("/queue/rows", params={"cursor": base64.urlsafe_b64encode(place.encode()).decode()}).text
    assert ("No more accounts follow here" in beyond, "No account waits" in beyond) == (True, False)
    assert [item["risk"] for item in client.get("/api/v1/queue?min_risk=0.98").json()["items"]] == [0.99]
    assert client.get("/api/v1/queue?family=graph").json()["items"] == []


@pytest.mark.parametrize("cursor", ["x", "W10", "e30", "WzEsMiwzXQ", "a" * 400, EARLY])
def test_a_cursor_of_another_list_is_refused(desk: Desk, cursor: str) -> None:
    answer = caller(desk).get("/api/v1/queue", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:moderation:problem:invalid-value")


def test_a_decision_with_an_idempotency_key_is_recorded_once(desk: Desk) -> None:
    desk.flag(flag("p1"), flag("p2"))
    client, key = caller(desk), desk.key("a1")
    path, headers = f"/api/v1/accounts/{key}/decisions", {"idempotency-key": "k1"}
    sent = decision(state_of(client, key))
    first = client.post(path, json=sent, headers=headers)
    again = client.post(path, json=sent, headers=headers)
    assert (first.status_code, first.json()["flags"]) == (201, 2)
    assert again.json() == first.json()
    other = client.post(path, json=sent | {"verdict": "uncertain"}, headers=headers)
    assert (other.status_code, "used for another request" in other.json()["detail"]) == (422, True)
    desk.clock.turn(hours=23, minutes=59)
    assert client.post(path, json=sent, headers=headers).status_code == 201
    assert show_flag(desk.console.engine, 1).summary.version == 1


def test_a_decision_on_an_old_state_gets_what_changed_and_the_new_state(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, sam, key = caller(desk), caller(desk, "sam"), desk.key("a1")
    path, seen = f"/api/v1/accounts/{key}/decisions", state_of(ana, key)
    assert sam.post(path, json=decision(seen)).status_code == 201
    late = ana.post(path, json=decision(seen, verdict="not_a_violation"))
    assert (late.status_code, late.headers["content-type"]) == (409, "application/problem+json")
    assert late.json()["changes"] == ["Reviewer 4 (senior) recorded “confirmed” at 09:00 UTC"]
    assert late.json()["state"] == state_of(ana, key)
    refused = ana.post(path, json=decision(late.json()["state"]))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:moderation:problem:decision-refused")


def test_of_people_who_decide_at_once_one_is_recorded_and_the_others_get_409(desk: Desk) -> None:
    desk.flag(*(flag(f"p{n}") for n in range(5)))
    key = desk.key("a1")
    clients = [caller(desk, name) for name in ("ana", "bob", "sam")]
    sent = decision(state_of(clients[0], key))
    statuses: list[int] = []

    def send(client: TestClient) -> None:
        statuses.append(client.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code)

    threads = [threading.Thread(target=send, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(statuses) == [201, 409, 409]
    assert {show_flag(desk.console.engine, n).summary.version for n in range(1, 6)} == {1}
    assert verify(desk.console.engine).problems == ()


def test_of_people_who_open_the_next_account_at_once_each_gets_another(desk: Desk) -> None:
    desk.flag(*(flag(f"p{n}", account_id=f"q{n}") for n in range(3)))
    clients = [caller(desk, name) for name in ("ana", "bob", "sam")]
    found: list[str] = []

    def take(client: TestClient) -> None:
        found.append(client.post("/api/v1/queue/next").json()["key"])

    threads = [threading.Thread(target=take, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(found)) == 3
    assert caller(desk, "ida").post("/api/v1/queue/next").status_code == 204


def test_claims_holds_skips_and_visits(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, bob, sam, path = caller(desk), caller(desk, "bob"), caller(desk, "sam"), f"/api/v1/accounts/{desk.key('a1')}"
    assert ana.post(f"{path}/claim").json()["own"] is True
    assert bob.post(f"{path}/claim").status_code == 409
    assert bob.delete(f"{path}/claim").status_code == 403
    assert sam.delete(f"{path}/claim").status_code == 204
    assert bob.put(f"{path}/hold", json={"hours": 1, "reason": "ask legal"}).status_code == 200
    assert ana.delete(f"{path}/hold").status_code == 403
    assert bob.delete(f"{path}/hold").status_code == 204
    assert ana.post(f"{path}/skip", json={"reason": "I know this person"}).status_code == 204
    assert ana.get("/api/v1/queue").json()["items"] == []
    assert ana.post(f"{path}/visit").json() == {"others": []}
    assert bob.post(f"{path}/visit").json() == {"others": ["Reviewer 2"]}
    desk.clock.turn(seconds=61)
    assert bob.post(f"{path}/visit").json() == {"others": []}


def test_a_decision_is_withdrawn_by_the_person_who_made_it(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, bob, path = caller(desk), caller(desk, "bob"), f"/api/v1/accounts/{desk.key('a1')}"
    ana.post(f"{path}/decisions", json=decision(state_of(ana, desk.key("a1"))))
    assert bob.post(f"{path}/withdrawals", json={"ground": "no"}).status_code == 403
    assert ana.post(f"{path}/withdrawals", json={"ground": " "}).status_code == 422
    assert ana.post(f"{path}/withdrawals", json={"ground": "wrong account"}).json()["flags"] == 1
    assert ana.post(f"{path}/withdrawals", json={"ground": "again"}).status_code == 403


def test_a_correction_is_about_the_flags_of_the_last_decision(desk: Desk) -> None:
    ana, key = caller(desk), desk.key("a1")
    for post, verdict in (("p1", "confirmed"), ("p2", "confirmed")):
        desk.flag(flag(post))
        ana.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(ana, key), verdict=verdict))
        desk.clock.turn(minutes=5)
    sent = decision(state_of(ana, key), verdict="uncertain")
    assert ana.post(f"/api/v1/accounts/{key}/decisions", json=sent).json()["flags"] == 1
    assert [show_flag(desk.console.engine, n).summary.status for n in (1, 2)] == ["confirmed", "uncertain"]


@pytest.mark.parametrize("state", ["9" * 5000 + ".1", "9" * 39 + ".1", "-" + "9" * 30 + ".0", "1.-" + "9" * 30])
def test_a_state_out_of_range_is_refused(desk: Desk, state: str) -> None:
    desk.flag(flag("p1"))
    path = f"/api/v1/accounts/{desk.key('a1')}/decisions"
    assert caller(desk).post(path, json=decision(state)).status_code in (409, 422)


def test_hostile_values_survive_as_json(desk: Desk) -> None:
    desk.flag(flag(HOSTILE, account_id=HOSTILE, text=HOSTILE, missing=(HOSTILE,)))
    client, key = caller(desk), desk.key(HOSTILE)
    found = client.get(f"/api/v1/accounts/{key}")
    assert json.loads(found.content)["account"]["account_id"] == HOSTILE
    assert json.loads(found.content)["account"]["flags"][0]["text"] == HOSTILE
    assert client.get("/api/v1/flags/1/text").json()["text"] == HOSTILE
    assert client.get("/api/v1/queue").json()["items"][0]["account_id"] == HOSTILE


def test_the_explanation_says_what_is_missing_and_what_the_certificate_is_worth(desk: Desk) -> None:
    desk.flag(flag("p1", synthetic_score=None, content_abstained="short", truncated=True))
    found = caller(desk).get(f"/api/v1/accounts/{desk.key('a1')}").json()
    gaps = " ".join(found["explanation"]["gaps"])
    for wanted in ("who follows whom", "too short", "too long", "client.ip", "window"):
        assert wanted in gaps, wanted
    assert found["explanation"]["certificate"].startswith("Unknown: this flag was raised by the risk bundle r1")
    assert desk.console.certified is not None
    _, version = desk.console.certified
    desk.flag(flag("p2", account_id="a2", risk_version=version))
    certificate = caller(desk).get(f"/api/v1/accounts/{desk.key('a2')}").json()["explanation"]["certificate"]
    assert "simulated genuine accounts" in certificate
    assert "does not hold for a real platform" in certificate


def test_a_revoked_token_ends_at_once(desk: Desk) -> None:
    client = caller(desk)
    assert client.get("/api/v1/me").json()["name"] == "ana"
    (token,) = list_tokens(desk.console.engine)
    revoke_token(desk.console.engine, token.id, by="tests", now=desk.clock.now)
    answer = client.get("/api/v1/me")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "was revoked" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"state": 1}', b"\xff", json.dumps({"x": 1}).encode()])
def test_a_malformed_body_gets_a_problem(desk: Desk, body: bytes) -> None:
    desk.flag(flag("p1"))
    path = f"/api/v1/accounts/{desk.key('a1')}/decisions"
    answer = caller(desk).post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_the_documentation_lists_every_operation_without_other_servers(desk: Desk) -> None:
    client = desk.client()
    document = client.get("/api/v1/openapi.json").json()
    page = client.get("/api").text
    assert len(document["paths"]) >= 14
    for path in document["paths"]:
        assert path in page
    assert "https://" not in page
