"""Faults at random times change no flag, no feature and no dead letter; more of them: `python -m tests.chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import Plan, run_all
from tests.chaos.site import DEPLOYMENTS

pytestmark = pytest.mark.slow


def test_random_faults_lose_nothing_double_nothing_and_change_nothing(tmp_path: Path) -> None:
    plan = Plan(kills=4, seed=2, accounts=100)
    found = run_all(plan, [DEPLOYMENTS[name] for name in ("disk", "two")], tmp_path)
    assert [result["differences"] for result in found] == [{}, {}]
    assert all(sum(result["faults"].values()) == plan.kills for result in found)
    assert all(result["flags"] > 20 for result in found)
