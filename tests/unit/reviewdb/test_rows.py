"""Families are stored in one order, that of the gate."""

from __future__ import annotations

import itertools

from connectors.reviewdb.rows import FAMILIES, ordered_families
from moderation.risk import gate


def test_families_in_any_order_are_stored_in_the_order_of_the_gate() -> None:
    assert FAMILIES == gate.FAMILIES
    for names in itertools.permutations(("graph", "unknown", "content")):
        assert ordered_families(names) == ["content", "graph", "unknown"]
