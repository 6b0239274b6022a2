"""Damaged and random records become events or dead letters; more of them: `python -m tests.fuzz`."""

from __future__ import annotations

from tests.fuzz.__main__ import fuzz


def test_whatever_a_record_is_it_becomes_an_event_or_a_dead_letter() -> None:
    found = fuzz(2_000, seed=7)
    assert found.faults == []
    assert found.outcomes.keys() >= {"post", "follow", "deletion", "label", "ignored", "dead letter"}
    assert found.outcomes.total() == 2_000
