"""The metrics of the review, for a token only."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, insert, select
from starlette.testclient import TestClient

from connectors.reviewdb.models import DecisionRow
from connectors.reviewdb.statements import table_of
from moderation.review.measures import DecisionCounts
from moderation.review.serving.metrics import EVERY_S, PATH
from moderation.review.tokens import NewToken, make_token
from tests.contract.samples import flag
from tests.integration.console.conftest import Desk
from tests.integration.console.test_api import caller, decision, state_of

Values = dict[tuple[str, ...], float]


def values(client: TestClient, name: str) -> Values:
    """The values of a metric by the values of its labels, without zeros."""
    answer = client.get(PATH)
    assert answer.status_code == 200, answer.text
    samples = [one for family in text_string_to_metric_families(answer.text) for one in family.samples]
    return {tuple(one.labels.values()): one.value for one in samples if one.name == name and one.value}


def decide(desk: Desk, client: TestClient, account: str, **changes: Any) -> None:
    key = desk.key(account)
    answer = client.post(f"/api/v1/accounts/{key}/decisions", json=decision(state_of(client, key), **changes))
    assert answer.status_code < 300, answer.text


def test_accounts_ages_and_decisions_are_those_of_the_database(desk: Desk) -> None:
    desk.flag(*(flag(f"p{n}", account_id=f"a{n}") for n in range(4)))
    ana, senior = caller(desk), caller(desk, "sam")
    assert values(ana, "moderation_review_accounts") == {("open", "waiting"): 4}
    desk.clock.turn(seconds=EVERY_S)
    decide(desk, ana, "a0")
    decide(desk, ana, "a1", verdict="not_a_violation")
    decide(desk, senior, "a0", verdict="not_a_violation")
    assert ana.post(f"/api/v1/accounts/{desk.key('a2')}/claim").status_code < 300
    assert values(ana, "moderation_review_accounts") == {("open", "waiting"): 1, ("open", "claimed"): 1}
    assert values(ana, "moderation_review_decisions_total") == {("confirmed",): 1, ("not_a_violation",): 2}
    assert values(ana, "moderation_review_overturned_total") == {("confirmed",): 1}
    assert values(ana, "moderation_review_decision_duration_seconds_count") == {("open",): 2}


def test_each_decision_is_counted_once_also_one_that_is_committed_late(desk: Desk) -> None:
    desk.flag(*(flag(f"p{n}", account_id=f"a{n}") for n in range(4)))
    ana, engine, decisions = caller(desk), desk.console.engine, table_of(DecisionRow)
    decide(desk, ana, "a0")
    desk.clock.turn(hours=1)
    decide(desk, ana, "a1")
    decide(desk, ana, "a2")
    with engine.begin() as connection:
        late = dict(connection.execute(select(decisions).where(decisions.c.id == 2)).mappings().one())
        connection.execute(delete(decisions).where(decisions.c.id == 2))
    counts = DecisionCounts()
    assert [one.id for one in counts.update(engine, desk.clock.now)] == [3]
    with engine.begin() as connection:
        connection.execute(insert(decisions).values(late))
    assert [one.id for one in counts.update(engine, desk.clock.now)] == [2]
    desk.clock.turn(hours=1)
    decide(desk, caller(desk, "sam"), "a1", verdict="not_a_violation")
    assert [one.replaced for one in counts.update(engine, desk.clock.now)] == ["confirmed"]
    assert counts.update(engine, desk.clock.now) == []
    assert dict(counts.decisions) == {"confirmed": 3, "not_a_violation": 1}
    assert dict(counts.overturned) == {"confirmed": 1}


def test_an_appeal_is_in_its_own_queue_and_its_age_counts_from_its_receipt(desk: Desk) -> None:
    desk.flag(flag("p1"))
    decide(desk, caller(desk), "a1")
    desk.clock.turn(minutes=5)
    appeal = {"kind": "translator", "statement": "I translated it."}
    client = caller(desk, "ida")
    assert client.post(f"/api/v1/accounts/{desk.key('a1')}/appeals", json=appeal).status_code < 300
    assert values(client, "moderation_review_accounts") == {("appeals", "waiting"): 1}
    desk.clock.turn(hours=1)
    assert values(client, "moderation_review_oldest_age_seconds") == {("appeals", "waiting"): 3600}
    decide(desk, client, "a1", verdict="not_a_violation")
    desk.clock.turn(seconds=EVERY_S)
    assert values(client, "moderation_review_decision_duration_seconds_sum") == {("appeals",): 3600}


def test_metrics_need_a_token_and_are_read_under_any_host_name(desk: Desk) -> None:
    stranger = desk.client()
    assert stranger.get(PATH).status_code == 401
    assert stranger.get("/metrics").status_code == 404
    by_address = {"host": "10.1.2.3:8090"}
    assert stranger.get(PATH, headers=by_address).status_code == 401
    assert caller(desk).get(PATH, headers=by_address).status_code == 200
    other = make_token(desk.console.engine, NewToken("sam", "audit", ["audit"], 1), by="tests", now=desk.clock.now)
    assert stranger.get(PATH, headers={"authorization": f"Bearer {other}"}).status_code == 403
    monitor = make_token(desk.console.engine, NewToken("sam", "m", ["metrics"], 1), by="tests", now=desk.clock.now)
    sent = {"authorization": f"Bearer {monitor}"}
    assert [stranger.get(path, headers=sent).status_code for path in (PATH, "/api/v1/accounts")] == [200, 403]


def test_no_name_or_id_of_a_person_is_in_the_metrics(desk: Desk) -> None:
    desk.flag(flag("p1", account_id="someone-in-particular"))
    client = caller(desk)
    decide(desk, client, "someone-in-particular")
    text = client.get(PATH).text
    assert not [name for name in ("someone-in-particular", "ana", desk.key("someone-in-particular")) if name in text]
