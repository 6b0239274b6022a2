"""A sidecar of a shared pipeline waits for what the windows of its posts need of the others, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from moderation.effects import Origin, Partition
from moderation.events import Follow
from moderation.state.coverage import LATENESS_MS, Coverage
from moderation.stream.ordering import EventTimeMerge, Item
from moderation.stream.peers import Peers
from moderation.stream.slots import Assignment
from tests.unit.features.builders import at

LANE = Partition("c", "posts", "t", 0)
OWN = Assignment(frozenset({LANE}), frozenset({LANE}), {0: frozenset({LANE})}, frozenset({1}))
MINUTE_MS = 60_000


def peers(now_ms: float = 0) -> Peers:
    return Peers(OWN, lateness_ms=LATENESS_MS, stalled_ms=1000, now_ms=now_ms)


def item(seconds: float, offset: int) -> Item:
    event = Follow(account_id="a", target_account_id="b", at=at(seconds), action="follow")
    return Item(Origin(LANE, offset, None, None, b"x"), event)


def test_posts_wait_until_the_others_have_reached_the_end_of_their_last_full_minute() -> None:
    waiting = peers()
    for reached in (10 * MINUTE_MS - 2, 10 * MINUTE_MS - 1, 10 * MINUTE_MS + 5):
        waiting.note({"reached:1": reached}, 0)
        until_ms = waiting.until_ms(0)
        assert until_ms is not None
        ends = (Coverage().full_minute(until_ms) + 1) * MINUTE_MS
        assert ends <= reached + 1 < ends + MINUTE_MS, "all that is known may be judged, and no more"


@pytest.mark.parametrize("ahead_ms", [0, 1, LATENESS_MS, MINUTE_MS, 90_000])
@pytest.mark.parametrize("at_ms", [10 * MINUTE_MS + LATENESS_MS + step for step in (-1, 0, 1)])
def test_two_sidecars_never_wait_for_each_other(at_ms: int, ahead_ms: int) -> None:
    behind = peers()
    behind.note({"reached:1": at_ms + ahead_ms - 1 - LATENESS_MS}, 0)
    assert at_ms <= (behind.until_ms(0) or 0), "the one with the earlier record goes on"


def test_one_that_makes_no_progress_is_waited_for_only_for_a_time_and_is_missing_then() -> None:
    waiting = peers()
    waiting.note({"reached:1": 7}, 500)
    assert waiting.until_ms(1499) is not None
    assert waiting.missing_from_ms(1499) is None
    assert waiting.until_ms(1500) is None
    assert waiting.missing_from_ms(1500) == 7
    waiting.note({"reached:1": 8}, 1600)
    assert waiting.until_ms(1600) is not None


def test_progress_is_that_of_the_next_record_or_of_the_reading_at_the_end_less_the_allowed_lateness() -> None:
    merge = EventTimeMerge([LANE], stalled_ms=0, now_ms=0)
    merge.note_unread({LANE})
    merge.add(item(0, 0))
    merge.add(item(9, 1))
    start_ms = int(at(0).timestamp() * 1000) - LATENESS_MS
    assert peers().marks(merge, 5) == {"reached:0": start_ms - 1}
    merge.take(1, 0)
    assert peers().marks(merge, 5) == {"reached:0": start_ms + 9000 - 1}
    merge.take(1, 0)
    assert peers().marks(merge, 5) == {"reached:0": start_ms + 9000 - 1}, "the log continues"
    merge.note_unread(set())
    assert peers().marks(merge, LATENESS_MS + 5) == {"reached:0": 5}


def test_posts_wait_for_records_of_others_that_are_late_within_the_bound() -> None:
    merge = EventTimeMerge([LANE], stalled_ms=0, now_ms=0)
    merge.note_unread({LANE})
    merge.add(item(61, 0))
    late_ms = int(at(61).timestamp() * 1000) - LATENESS_MS
    merge.add(item(61 - LATENESS_MS / 1000, 1))
    other = Peers(replace(OWN, others=frozenset({0})), lateness_ms=LATENESS_MS, stalled_ms=1000, now_ms=0)
    other.note(peers().marks(merge, 0), 0)
    until_ms = other.until_ms(0)
    assert until_ms is not None
    assert (Coverage().full_minute(until_ms) + 1) * MINUTE_MS <= late_ms


def test_progress_is_0_before_anything_was_read() -> None:
    merge = EventTimeMerge([LANE], stalled_ms=0, now_ms=0)
    merge.note_unread({LANE})
    assert peers().marks(merge, 5) == {"reached:0": 0}


def test_a_sidecar_alone_waits_for_nothing() -> None:
    alone = Peers(Assignment.of_all([LANE]), lateness_ms=0, stalled_ms=0, now_ms=0)
    assert alone.until_ms(0) is None
    assert alone.missing_from_ms(0) is None
