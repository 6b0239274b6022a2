"""Damaged and random records become events or dead letters; more of them: `python -m tests.fuzz`."""

from __future__ import annotations

import gc
import weakref

from moderation.effects import Origin
from moderation.events import BadRecord
from moderation.events.reading import RecordReader
from moderation.mapping import FieldMapping
from tests.fuzz.__main__ import fuzz
from tests.fuzz.records import PARTITION


def test_whatever_a_record_is_it_becomes_an_event_or_a_dead_letter() -> None:
    found = fuzz(2_000, seed=7)
    assert found.faults == []
    assert found.outcomes.keys() >= {"post", "follow", "deletion", "label", "ignored", "dead letter"}
    assert found.outcomes.total() == 2_000


def refused() -> weakref.ref[BadRecord]:
    """Read a record with an invalid id; the frame of this function has the refusal, as that of a caller may."""
    value = b'{"post_id": true, "text": "A walk.", "account_id": "a"}'
    bad = RecordReader(FieldMapping({})).read(Origin(PARTITION, 0, None, None, value), "post")
    assert isinstance(bad, BadRecord)
    return weakref.ref(bad)


def test_a_refused_record_is_released_with_its_content() -> None:
    """Errors of pydantic are opaque to Python's collector: one that leads back to the refusal would stay for ever."""
    kept = [refused() for _ in range(3)]
    gc.collect()
    assert [found() for found in kept] == [None, None, None]
