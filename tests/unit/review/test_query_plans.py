"""The check of query plans finds scans of large tables, and no scan that a limit ends early."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.review_plans import expected_scans

ROWS = {"flags": 10_000_000.0, "people": 40.0}
SCAN: dict[str, Any] = {"Node Type": "Seq Scan", "Relation Name": "flags", "Plan Rows": 5_000_000}


def node(kind: str, *plans: dict[str, Any], rows: float = 100) -> dict[str, Any]:
    return {"Node Type": kind, "Plan Rows": rows, "Plans": list(plans)}


@pytest.mark.parametrize(
    ("plan", "read"),
    [
        (SCAN, {"flags": 10_000_000}),
        (node("Nested Loop", SCAN, {"Node Type": "Index Scan", "Plan Rows": 1}), {"flags": 10_000_000}),
        (node("Limit", SCAN, rows=50), {"flags": 100}),
        (node("Limit", node("Sort", SCAN, rows=5_000_000), rows=50), {"flags": 10_000_000}),
        (node("Aggregate", node("Limit", SCAN, rows=50), rows=1), {"flags": 100}),
        ({"Node Type": "Seq Scan", "Relation Name": "people", "Plan Rows": 40}, {"people": 40}),
        ({"Node Type": "Index Only Scan", "Relation Name": "flags", "Plan Rows": 9_000_000}, {}),
    ],
)
def test_scans_are_found_with_the_rows_that_are_read(plan: dict[str, Any], read: dict[str, float]) -> None:
    assert dict(expected_scans(plan, ROWS)) == pytest.approx(read)
