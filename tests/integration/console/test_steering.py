"""The steering page: the queue at other thresholds, groups, workload and what is late."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from sqlalchemy import text

from moderation.review.day_chart import day_svg
from moderation.review.steering import Day
from tests.contract.samples import flag
from tests.integration.console.conftest import Desk
from tests.integration.console.test_quality import draw, judge


def at(desk: Desk, moment: str) -> None:
    """Let all flags have been raised at a time, because the store uses the clock of the machine."""
    raised = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    shown = raised if desk.console.engine.dialect.name == "postgresql" else raised.strftime("%Y-%m-%d %H:%M:%S.%f")
    with desk.console.engine.begin() as connection:
        connection.execute(text("UPDATE flags SET raised_at = :at"), {"at": shown})
        connection.execute(text("UPDATE accounts_in_review SET opened_at = :at, waiting_since = :at"), {"at": shown})


def test_thresholds_lateness_and_workload(desk: Desk) -> None:
    desk.console = dataclasses.replace(desk.console, threshold=0.9)
    desk.flag(*(flag(f"p{n}", account_id=f"a{n}", risk=risk) for n, risk in enumerate((0.91, 0.96, 0.985, 0.9995))))
    at(desk, "2026-11-28T08:00:00")
    ana, vera = desk.client("ana"), desk.client("vera")
    found = vera.get("/api/v1/steering").json()
    assert [round(one["threshold"], 4) for one in found["thresholds"]] == [
        *(0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999),
    ]
    assert [one["accounts"] for one in found["thresholds"]] == [4, 3, 2, 1, 1, 1, 1]
    assert {one["hours"] for one in found["thresholds"]} == {None}
    assert (found["open_accounts"], found["late"], found["in_time"]["of"]) == (4, 4, 0)
    key = ana.post("/api/v1/queue/next").json()["key"]
    desk.clock.turn(minutes=6)
    state = ana.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    sent = {"state": state, "verdict": "confirmed", "ground": "rule 4"}
    assert ana.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    found = vera.get("/api/v1/steering").json()
    assert [one["hours"] for one in found["thresholds"][:2]] == [pytest.approx(0.3), pytest.approx(0.2)]
    assert (found["in_time"]["part"], found["in_time"]["of"]) == (0, 1)
    assert {one["day"]: (one["opened"], one["decided"]) for one in found["days"][-2:]} == {
        "2026-11-28": (4, 0),
        "2026-11-29": (0, 1),
    }
    page = vera.get("/steering").text
    assert "Waiting longer than 24 h" in page
    assert "no flagged post of the audit sample has a blind verdict" in page
    assert 'class="overdue"' in vera.get("/queue").text


def test_wrong_flags_are_shown_by_group(desk: Desk) -> None:
    draw(desk, 6, flagged=True)
    with desk.console.engine.begin() as connection:
        connection.execute(text("UPDATE audit_samples SET stratum = 'flagged|short|en|ime'"))
    judge(desk.client("ana"), {"f0": "not_a_violation"}, default="confirmed")
    found = desk.client("vera").get("/api/v1/steering").json()
    groups = {(one["kind"], one["group"]): (one["wrong"]["part"], one["wrong"]["of"]) for one in found["groups"]}
    assert groups == {("length", "short"): (1, 6), ("language", "en"): (1, 6), ("input method", "ime"): (1, 6)}
    assert set(found["thresholds"][0]) == {"threshold", "accounts", "hours"}
    assert "input method <bdi>ime</bdi>" in desk.client("vera").get("/steering").text


def test_bars_lie_inside_the_drawing_and_an_empty_one_has_none() -> None:
    days = [Day(datetime(2026, 11, n, tzinfo=UTC).date(), n, 2 * n) for n in range(1, 15)]
    drawing = ElementTree.fromstring(str(day_svg(days)))
    bars = [one for one in drawing if one.tag == "rect"]
    assert len(bars) == 28
    for bar in bars:
        assert 0 <= float(bar.get("x", "0")) <= 400
        assert 0 <= float(bar.get("y", "0")) <= 130
    assert drawing.get("aria-label") == "Accounts a day: 105 came, 210 were decided"
    assert day_svg([Day(days[0].day, 0, 0)]).count('height="0.0"') == 2
