"""The gate is closed for one family, and for two of one kind."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from moderation.risk.gate import FAMILIES, gate_opens, gate_opens_for

EVERY_AGREEMENT = [chosen for size in range(len(FAMILIES) + 1) for chosen in combinations(FAMILIES, size)]


@pytest.mark.parametrize("agreeing", EVERY_AGREEMENT)
def test_gate_opens_exactly_for_two_families_of_different_kinds(agreeing: tuple[str, ...]) -> None:
    kinds = {"typing": "sent", "network": "sent", "content": "posted", "coordination": "posted"}
    expected = len({kinds.get(name, name) for name in agreeing}) >= 2
    assert gate_opens(agreeing) is expected


def test_gate_for_many_posts_equals_single_posts() -> None:
    rows = np.array([[name in agreeing for name in FAMILIES] for agreeing in EVERY_AGREEMENT])
    expected = [gate_opens(agreeing) for agreeing in EVERY_AGREEMENT]
    assert gate_opens_for(rows, FAMILIES).tolist() == expected


def test_repeated_family_counts_once() -> None:
    assert not gate_opens(["content", "content"])
