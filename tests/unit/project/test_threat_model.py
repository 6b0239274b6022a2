"""The tests that the threat model names exist."""

from __future__ import annotations

import ast
import re

from tests.unit.project.pages import ROOT

PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
CATEGORIES = (
    "Spoofing",
    "Tampering",
    "Repudiation",
    "Information disclosure",
    "Denial of service",
    "Elevation of privilege",
)


def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 20
    missing = [f"{path}::{name}" for path, name in named if name and name not in functions(path)]
    assert not missing
    assert all((ROOT / path).exists() for path, _ in named)


def test_every_threat_has_a_mitigation_and_a_test() -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert [row[0].strip() for row in rows if row[0].strip()] == list(CATEGORIES)
    for row in rows:
        assert len(row) == 4, row
        assert row[2].strip(), row
        assert "`tests/" in row[3], row
