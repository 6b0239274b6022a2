"""Claims and holds limit what other people do with an account, and end with the role that permits them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import insert, text

from connectors.reviewdb.identity import account_key
from connectors.reviewdb.review_models import VisitRow
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.statements import table_of
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from moderation.review.claims import claim, locked_account
from moderation.review.people import NewPerson, add_person, set_role
from moderation.review.permissions import Actor
from tests.contract.samples import PLATFORM, flag, partition
from tests.integration.console.conftest import PASSWORD, START, Desk
from tests.integration.console.test_api import caller, decision, state_of

HOLD = {"hours": 24, "reason": "ask legal"}


def test_the_hold_of_another_person_refuses_hold_and_decision_but_not_of_a_senior(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, bob, sam, key = caller(desk), caller(desk, "bob"), caller(desk, "sam"), desk.key("a1")
    path = f"/api/v1/accounts/{key}"
    assert bob.put(f"{path}/hold", json=HOLD).status_code == 200
    assert ana.put(f"{path}/hold", json=HOLD).status_code == 403
    assert ana.post(f"{path}/decisions", json=decision(state_of(ana, key))).status_code == 403
    assert "Reviewer 3 holds this account" in desk.client("ana").get(f"/accounts/{key}").text
    assert bob.put(f"{path}/hold", json=HOLD).status_code == 200
    assert sam.post(f"{path}/decisions", json=decision(state_of(sam, key))).status_code == 201


def test_a_hold_that_has_expired_refuses_nothing(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, key = caller(desk), desk.key("a1")
    caller(desk, "bob").put(f"/api/v1/accounts/{key}/hold", json={"hours": 1, "reason": "ask legal"})
    desk.clock.turn(hours=1)
    assert ana.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(ana, key))).status_code == 201


def test_an_open_page_renews_the_own_claim_only(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}"
    assert "Yours until" not in ana.get(f"{path}/presence").text
    assert "Yours until 09:10" in ana.get(path).text
    desk.clock.turn(minutes=5)
    assert "Yours until 09:15" in ana.get(f"{path}/presence").text


def test_a_page_that_another_site_opens_claims_no_account(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}"
    for site in ("cross-site", "same-site"):
        assert "Yours until" not in ana.get(path, headers={"sec-fetch-site": site}).text
    assert "Yours until" in ana.get(path, headers={"sec-fetch-site": "none"}).text


def test_opening_an_account_that_was_skipped_does_not_claim_it(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}"
    ana.post(f"{path}/skip", data={"reason": "I know this person"})
    assert "Yours until" not in ana.get(path).text


def test_a_role_that_does_not_review_loses_claims_and_holds(desk: Desk) -> None:
    desk.flag(flag("p1"), flag("p2", account_id="a2"))
    bob, engine, now = caller(desk, "bob"), desk.console.engine, desk.clock.now
    held, claimed = f"/api/v1/accounts/{desk.key('a1')}", f"/api/v1/accounts/{desk.key('a2')}"
    bob.put(f"{held}/hold", json=HOLD)
    bob.post(f"{claimed}/claim")
    set_role(engine, "bob", "senior", by="tests", now=now)
    assert bob.get(held).json()["account"]["held_by"] == "bob"
    set_role(engine, "bob", "viewer", by="tests", now=now)
    assert bob.get(held).json()["account"]["held_by"] is None
    assert bob.get(claimed).json()["account"]["claimed_by"] is None


def test_a_role_that_changes_while_the_person_works_waits_and_succeeds(postgres_url: str, quick_hashes: None) -> None:
    store, key = ReviewStore(postgres_url), account_key(PLATFORM, "a1")
    engine = store.engine
    upgrade(engine)
    store.commit(store.claim("main", "one", [partition()]), Effects(flags=[flag("p1")]))
    bob = add_person(engine, NewPerson("bob", "reviewer", PASSWORD), by="tests", now=START)
    claim(engine, Actor(bob.id, "bob", "reviewer"), key, START)
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with ThreadPoolExecutor(1) as threads, engine.begin() as working:
        locked_account(working, key)
        changed = threads.submit(set_role, engine, "bob", "viewer", by="tests", now=START)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not connection.scalar(waiting):
                time.sleep(0.01)
        working.execute(insert(table_of(VisitRow)).values(account_key=key, person_id=bob.id, seen_at=START))
    assert changed.result(60).role == "viewer"
    store.close()


def test_an_account_that_does_not_wait_for_the_person_is_not_claimed(desk: Desk) -> None:
    desk.flag(flag("p1"))
    ana, ida, key = caller(desk), caller(desk, "ida"), desk.key("a1")
    path = f"/api/v1/accounts/{key}"
    assert ida.post(f"{path}/claim").status_code == 422
    assert ana.post(f"{path}/decisions", json=decision(state_of(ana, key))).status_code == 201
    assert ana.post(f"{path}/claim").status_code == 422
