"""Statements of reasons: built with a confirming decision, valid, without personal data, withdrawn with it."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient
from typer.testing import CliRunner

from moderation.cli import build_app
from moderation.review.bulk import BulkDecision, Member, decide_many
from moderation.review.decisions import ProposedDecision
from moderation.review.flag_decisions import decide as decide_about_flag
from moderation.review.permissions import Actor
from moderation.review.statement_model import Statement
from moderation.settings.statements import StatementSettings
from tests.contract.samples import PLATFORM, flag
from tests.integration.console.conftest import Desk

RULE = "Terms of service, section 4: no coordinated accounts"
SETTINGS = StatementSettings(
    ground_text=RULE,
    explanation="The accounts act together and hide it.",
    account="DECISION_ACCOUNT_SUSPENDED",
    territorial_scope=("DE", "GR"),
)


@pytest.fixture
def with_statements(desk: Desk) -> Desk:
    """A console that builds statements, with an account of two flags."""
    desk.console = dataclasses.replace(desk.console, statements=SETTINGS)
    desk.flag(flag("post-77", account_id="the-author", text="my own words"), flag("post-78", account_id="the-author"))
    return desk


def decide(client: TestClient, key: str, verdict: str) -> Any:
    """A decision about the account as it is."""
    state = client.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    sent = {"state": state, "verdict": verdict, "ground": "words of ana"}
    return client.post(f"/api/v1/accounts/{key}/decisions", json=sent, headers={"idempotency-key": state})


def listed(desk: Desk) -> list[dict[str, Any]]:
    """The statements by the API."""
    found: list[dict[str, Any]] = desk.client("sam").get("/api/v1/statements").json()["statements"]
    return found


def test_a_confirming_decision_builds_one_valid_statement_without_personal_data(with_statements: Desk) -> None:
    desk = with_statements
    ana, key = desk.client("ana"), desk.key("the-author")
    assert decide(ana, key, "confirmed").status_code == 201
    (found,) = listed(desk)
    Statement.model_validate(found)
    assert found["incompatible_content_ground"] == RULE
    assert found["automated_decision"] == "AUTOMATED_DECISION_NOT_AUTOMATED"
    assert (found["content_date"], found["application_date"]) == ("2026-11-20", "2026-11-29")
    assert found["decision_facts"].startswith("Automated means flagged 2 posts of one account for human review")
    for personal in ("the-author", "post-7", "my own words", "words of ana", PLATFORM, key, "hash"):
        assert personal not in json.dumps(found, ensure_ascii=False), personal


def test_a_statement_is_withdrawn_with_its_decision_and_built_again_with_the_next(with_statements: Desk) -> None:
    desk = with_statements
    ana, key = desk.client("ana"), desk.key("the-author")
    decide(ana, key, "confirmed")
    (first,) = listed(desk)
    assert ana.post(f"/api/v1/accounts/{key}/withdrawals", json={"ground": "too early"}).status_code == 201
    assert listed(desk) == []
    decide(ana, key, "confirmed")
    (second,) = listed(desk)
    desk.clock.turn(minutes=1)
    assert second["puid"] != first["puid"]
    desk.flag(flag("post-79", account_id="the-author"))
    decide(ana, key, "confirmed")
    assert len(listed(desk)) == 2
    decide(desk.client("sam"), key, "not_a_violation")
    assert listed(desk) == [second]


def test_the_command_updates_the_statements_and_withdrawn_ones_are_listed(with_statements: Desk) -> None:
    desk = with_statements
    engine, rules, key = desk.console.engine, desk.console.rules, desk.key("the-author")
    decide(desk.client("ana"), key, "confirmed")
    (first,) = listed(desk)
    cleared = ProposedDecision(1, "sam", "senior", "not_a_violation", "a real shop", 1)
    decide_about_flag(engine, cleared, rules)
    assert listed(desk) == []
    sam = desk.client("sam")
    assert [one["puid"] for one in sam.get("/api/v1/statements/withdrawn").json()] == [first["puid"]]
    url = engine.url.render_as_string(hide_password=False)
    printed = CliRunner().invoke(build_app(), ["statements", "withdrawn", "--database", url]).stdout
    assert json.loads(printed)["puid"] == first["puid"]
    decide_about_flag(engine, dataclasses.replace(cleared, verdict="confirmed", version=2), rules)
    assert len(listed(desk)) == 1


def test_the_facts_say_how_people_decided(with_statements: Desk) -> None:
    desk = with_statements
    sam, key = desk.client("sam"), desk.key("the-author")
    state = sam.get(f"/api/v1/accounts/{key}").json()["account"]["state"]
    many = BulkDecision((Member(key, state),), "confirmed", "rule 4", "one")
    decide_many(desk.console.engine, Actor(4, "sam", "senior"), many, desk.clock.now, desk.console.rules)
    assert "A person decided about this and other accounts together" in listed(desk)[0]["decision_facts"]


@pytest.mark.parametrize("verdict", ["not_a_violation", "uncertain"])
def test_other_verdicts_and_settings_without_a_rule_build_none(desk: Desk, verdict: str) -> None:
    desk.flag(flag("p1"), flag("p2", account_id="a2"))
    assert decide(desk.client("ana"), desk.key("a1"), "confirmed").status_code == 201
    desk.console = dataclasses.replace(desk.console, statements=SETTINGS)
    assert decide(desk.client("ana"), desk.key("a2"), verdict).status_code == 201
    assert listed(desk) == []


def test_pages_of_statements_continue_where_the_one_before_ended(with_statements: Desk) -> None:
    desk = with_statements
    desk.flag(*(flag(f"q{n}", account_id=f"q{n}") for n in range(4)))
    for name in ("the-author", *(f"q{n}" for n in range(4))):
        decide(desk.client("ana"), desk.key(name), "confirmed")
        desk.clock.turn(seconds=1)
    sam, found, after = desk.client("sam"), list[str](), ""
    while after is not None:
        page = sam.get(f"/api/v1/statements?limit=2{after and f'&after={after}'}").json()
        found += [one["puid"] for one in page["statements"]]
        after = page["next_after"]
    assert found == [one["puid"] for one in listed(desk)]
    assert len(found) == 5
    assert sam.get(f"/api/v1/statements?after={'0' * 32}").status_code == 422
    no_times = (
        "2026-11-29T00:00:00",
        "2026",
        "20261129",
        "1e9",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00%2B23:59",
    )
    for path in ("statements", "statements/withdrawn"):
        for since in no_times:
            assert sam.get(f"/api/v1/{path}?since={since}").status_code == 422, since
    assert sam.get("/api/v1/statements?since=2026-12-01T00:00:00Z").json()["statements"] == []


def test_the_command_exports_jsonl_and_csv_twice_the_same(with_statements: Desk, tmp_path: Path) -> None:
    desk = with_statements
    decide(desk.client("ana"), desk.key("the-author"), "confirmed")
    url = desk.console.engine.url.render_as_string(hide_password=False)

    def export(*options: str) -> str:
        done = CliRunner().invoke(build_app(), ["statements", "export", "--database", url, *options])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert [json.loads(line) for line in export().splitlines()] == listed(desk)
    for _ in range(2):
        export("--format", "csv", "-o", str(tmp_path / "out.csv"))
        (row,) = csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines())
        assert json.loads(row["territorial_scope"]) == ["DE", "GR"]
        assert row["decision_account"] == "DECISION_ACCOUNT_SUSPENDED"
    assert export("--since", "2030-01-01") == ""
    missing = CliRunner().invoke(build_app(), ["statements", "export", "--database", url, "-o", "/nowhere/x"])
    assert "cannot be written" in str(missing.exception)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"explanation": ""}, "statements.explanation is missing"),
        ({"account": None}, "at least one of statements.visibility, provision and account"),
        ({"category": "SPAM"}, "STATEMENT_CATEGORY_"),
        ({"territorial_scope": ("EL",)}, "territorial_scope"),
        ({"ground_text": "x" * 501}, "at most 500"),
    ],
)
def test_settings_that_make_no_valid_statement_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        StatementSettings(**(SETTINGS.model_dump() | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decision_account": None}, "needs a restriction"),
        ({"decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"}, "needs its ground and its explanation"),
        ({"content_date": "1999-12-31"}, "greater than or equal"),
        ({"puid": "with space"}, "pattern"),
        ({"decision_facts": "x" * 5_001}, "at most 5000"),
    ],
)
def test_a_statement_that_the_database_would_refuse_is_not_built(changes: dict[str, Any], words: str) -> None:
    valid = {
        "puid": "a" * 32,
        "decision_account": "DECISION_ACCOUNT_SUSPENDED",
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": RULE,
        "incompatible_content_explanation": "why",
        "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        "content_date": "2026-11-20",
        "application_date": "2026-11-29",
        "decision_facts": "facts",
    }
    Statement.model_validate(valid)
    with pytest.raises(ValidationError, match=words):
        Statement.model_validate(valid | changes)
