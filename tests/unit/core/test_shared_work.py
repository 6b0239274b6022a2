"""A sidecar gives up others that make no progress, but not because it could not see their progress itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import moderation.stream.every
from moderation.effects import Origin, Partition
from moderation.events import Follow
from moderation.state import PlatformState, Storage
from moderation.stream.every import MOST_OF_A_ROUND_MS
from moderation.stream.ordering import EventTimeMerge, Item
from moderation.stream.shared_work import SharedWork
from moderation.stream.slots import Assignment
from tests.unit.core.doubles import KEYRING
from tests.unit.core.shared_doubles import MemoryRows
from tests.unit.features.builders import at

LANES = [Partition("c", "posts", "t", number) for number in range(2)]
STALLED_MS = 30_000


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of a clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(moderation.stream.every, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def work_with(*read: Partition, others: frozenset[int]) -> SharedWork:
    """Return the work of a sidecar that has read one record, while the logs of all its partitions continue."""
    state = PlatformState(platform_id="p", keyring=KEYRING).keep_in(Storage(MemoryRows(), 10))
    merge = EventTimeMerge(read, stalled_ms=STALLED_MS, now_ms=0)
    merge.note_unread(set(read[1:]))
    event = Follow(account_id="a", target_account_id="b", at=at(0), action="follow")
    merge.add(Item(Origin(read[0], 0, None, None, b"x"), event))
    assignment = Assignment(frozenset(read), frozenset(read), {0: frozenset(read)}, others)
    return SharedWork(assignment, state, merge, STALLED_MS)


@pytest.mark.parametrize("waits_for", ["another sidecar", "a partition"])
def test_records_wait_after_an_interruption_as_before_it(seconds: list[float], waits_for: str) -> None:
    another = waits_for == "another sidecar"
    work = work_with(*LANES[: 1 if another else 2], others=frozenset({1} if another else ()))
    for passed_s in (0, 3600, 1):
        seconds[0] += passed_s
        work.polled(work.begin_poll())
        assert work.take(9, 1000, flush=False) == []
    for _ in range(int(STALLED_MS / MOST_OF_A_ROUND_MS)):
        seconds[0] += 10
        work.polled(work.begin_poll())
    assert len(work.take(9, 1000, flush=False)) == 1
    assert work.state.coverage.reached_ms is not None
