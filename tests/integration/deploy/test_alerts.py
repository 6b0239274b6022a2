"""Alerts and dashboard: they fire as the guide says, and name only metrics that are exported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.deploy.alert_cases import CASES, Series
from tests.services.process import ServiceError
from tests.unit.project.pages import ROOT, anchors
from tests.unit.project.test_metrics_page import exported

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
OF_THE_CLIENT = {"process_start_time_seconds", "process_resident_memory_bytes"}
PARTS = ("_bucket", "_sum", "_count")


def promtool(*arguments: str | Path) -> str:
    """Run promtool. Raises ServiceError where it is missing."""
    program = shutil.which("promtool")
    if program is None:
        raise ServiceError(
            "promtool is missing; run `python -m tests.services install`, or: apt-get install prometheus"
        )
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    found = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    assert len(found) == sum(len(group["rules"]) for group in groups)
    return found


def named(query: str) -> set[str]:
    """The metrics of a query; parts of a histogram count as the histogram."""
    names = set()
    for name in re.findall(r"\b(?:moderation|process)_\w+", re.sub(r'"[^"]*"', "", query)):
        suffix = next((part for part in PARTS if name.endswith(part)), "")
        names.add(name.removesuffix(suffix) if suffix and name.removesuffix(suffix) in exported() else name)
    return names


def unit_test(name: str, series: Series, at: str, fires: bool) -> dict[str, Any]:
    query = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
    expected = [{"labels": "{}", "value": 1}] if fires else []
    return {
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": expected}],
    }


def test_every_rule_is_valid() -> None:
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", ALERTS)


def test_every_alert_fires_on_its_case_and_not_on_the_ordinary_one(tmp_path: Path) -> None:
    assert CASES.keys() == rules().keys()
    tests = [
        unit_test(name, series, case.at, fires)
        for name, case in CASES.items()
        for series, fires in ((case.fires, True), (case.silent, False))
    ]
    file = tmp_path / "alerts_test.yml"
    content = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", file)


def test_every_alert_has_a_section_in_the_guide_and_no_section_is_without_an_alert() -> None:
    page = ROOT / "docs" / "guides" / "alerts.md"
    found = rules()
    for name, rule in found.items():
        assert rule["annotations"]["runbook"] == f"docs/guides/alerts.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("warning", "critical")
    assert anchors(page) - {"alerts"} == {name.lower() for name in found}


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard, rows left out."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize(
    "queries",
    [
        [rule["expr"] for rule in rules().values()],
        [target["expr"] for panel in panels() for target in panel["targets"]],
    ],
    ids=["alerts", "dashboard"],
)
def test_queries_name_only_metrics_that_are_exported(queries: list[str]) -> None:
    used = set().union(*map(named, queries))
    assert used - exported() <= OF_THE_CLIENT
    assert len(used) > 10


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(named(target["expr"]) for panel in panels() for target in panel["targets"]))
    assert exported() - shown == set()


def test_every_panel_says_what_it_shows_and_queries_of_the_dashboard_parse(tmp_path: Path) -> None:
    for panel in panels():
        assert panel["description"], panel["title"]
    queries = [target["expr"].replace("$__rate_interval", "5m") for panel in panels() for target in panel["targets"]]
    recorded = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}), encoding="utf-8")
    assert f"SUCCESS: {len(queries)} rules found" in promtool("check", "rules", file)


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
