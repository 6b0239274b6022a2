"""A start on a backend whose rows do not fit the log."""

from __future__ import annotations

from moderation.effects import Partition
from moderation.state import PlatformState, Storage
from moderation.stream.assembly import Builders
from moderation.stream.starting import Beginning, begin
from tests.unit.core.doubles import KEYRING, new_pipeline
from tests.unit.core.shared_doubles import MemoryRows

LANE = Partition("c", "posts", "t", 0)


class OwnRows(MemoryRows):
    several = False


def test_begin_with_rows_that_do_not_fit_the_log_continues_with_none() -> None:
    rows = OwnRows()

    def new_state() -> PlatformState:
        return PlatformState(platform_id="p", keyring=KEYRING).keep_in(Storage(rows, 10))

    first = new_state()
    assert first.stored is not None
    first.stored.write({LANE: 5}, first.coverage)
    first.close()
    beginning = Beginning({LANE: 5}, {LANE: (10, 20)}, {"posts": "post"}, frozenset(), "", "skip")
    state, plan = begin(Builders(new_pipeline, new_state), None, beginning)
    assert not plan.use_saved
    assert state.stored is not None
    state.stored.load([], [], watched=False)
    assert state.stored.positions() == {}
    state.close()
