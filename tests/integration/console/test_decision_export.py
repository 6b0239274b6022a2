"""Decisions are exported as JSON lines, CSV and Parquet, with pseudonyms and without words."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from moderation.cli import build_app
from moderation.review import decision_export
from tests.contract.samples import HOSTILE, flag
from tests.integration.console.conftest import Desk
from tests.integration.console.test_api import caller, decision, state_of


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """Decisions about two accounts, one of which has a hostile id."""
    desk.flag(flag("p1"), flag("p2"), flag("p3", account_id=HOSTILE))
    ana, sam = caller(desk), caller(desk, "sam")
    for client, account, verdict in ((ana, "a1", "confirmed"), (ana, HOSTILE, "uncertain"), (sam, "a1", "uncertain")):
        key = desk.key(account)
        sent = decision(state_of(client, key), verdict=verdict, ground="words of a person")
        assert client.post(f"/api/v1/accounts/{key}/decisions", json=sent).status_code == 201
    return desk


def export(desk: Desk, *options: str) -> Result:
    url = desk.console.engine.url.render_as_string(hide_password=False)
    return CliRunner().invoke(build_app(), ["decisions", "export", "--database", url, *options])


def test_the_three_formats_have_the_same_decisions(
    decided: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_export, "PAGE", 2)
    done = export(decided)
    assert (done.exit_code, done.stderr) == (0, "5 decisions\n")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["flag_id"], one["verdict"], one["supersedes"], one["reviewer"]) for one in rows] == [
        (1, "confirmed", None, "Reviewer 2"),
        (2, "confirmed", None, "Reviewer 2"),
        (3, "uncertain", None, "Reviewer 2"),
        (1, "uncertain", 1, "Reviewer 4"),
        (2, "uncertain", 2, "Reviewer 4"),
    ]
    assert rows[2]["account_id"] == HOSTILE
    assert "words of a person" not in done.stdout
    files = {form: tmp_path / f"out.{form}" for form in ("csv", "parquet")}
    for form, file in files.items():
        assert export(decided, "--format", form, "-o", str(file)).exit_code == 0
    read = parquet.read_table(files["parquet"]).to_pylist()
    assert [one["decision_id"] for one in read] == [1, 2, 3, 4, 5]
    assert list(read[0]) == list(rows[0])
    assert read[0] == rows[0]
    with files["csv"].open(encoding="utf-8", newline="") as file:
        assert [int(one["decision_id"]) for one in csv.DictReader(file)] == [1, 2, 3, 4, 5]
    assert '"reviewer": "ana"' in export(decided, "--names").stdout
    assert export(decided, "--since", "2030-01-01").stdout == ""


def test_parquet_needs_a_file_and_pyarrow(decided: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "name it with --output" in str(export(decided, "--format", "parquet").exception)
    elsewhere = export(decided, "--format", "parquet", "-o", "/nowhere/out.parquet")
    assert "/nowhere/out.parquet cannot be written" in str(elsewhere.exception)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    without = export(decided, "--format", "parquet", "-o", str(tmp_path / "out.parquet"))
    assert ".[parquet]" in str(without.exception)
