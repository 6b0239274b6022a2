"""Records come out in event-time order whatever partitions they are spread over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from moderation.effects import Origin, Partition
from moderation.events import BadRecord, EventKey, Post
from moderation.stream.ordering import EventTimeMerge, Item

LANES = [Partition("c", "posts", "t", number) for number in range(3)]


def item(lane: int, offset: int, second: int | None, post_id: str = "") -> Item:
    at = None if second is None else datetime.fromtimestamp(1_770_000_000 + second, UTC)
    post = Post(post_id=post_id or f"{lane}-{offset}", text="x", account_id="a", created_at=at)
    return Item(Origin(LANES[lane], offset), post)


def merge(*items: Item, idle_ms: float = 100, lanes: int = 3) -> EventTimeMerge:
    merged = EventTimeMerge(LANES[:lanes], stalled_ms=idle_ms, now_ms=0)
    for each in items:
        merged.add(each)
    return merged


def names(items: list[Item]) -> list[str]:
    return [each.content.post_id for each in items if isinstance(each.content, Post)]


def test_nothing_is_taken_while_a_partition_may_still_deliver_something_older() -> None:
    merged = merge(item(0, 0, 5), item(0, 1, 9), item(1, 0, 6), item(1, 1, 9))
    assert merged.take(10, now_ms=99) == []
    assert names(merged.take(1, now_ms=100)) == ["0-0"]


def test_a_partition_read_to_the_end_of_its_log_holds_up_nothing() -> None:
    merged = merge(item(0, 0, 5), item(0, 1, 9), item(1, 0, 6))
    merged.note_unread([LANES[0]])
    assert names(merged.take(10, now_ms=0)) == ["0-0", "1-0"], "lane 0 continues, so that its last item waits"
    merged.note_unread([])
    assert names(merged.take(10, now_ms=0)) == ["0-1"]


def test_a_stalled_partition_is_waited_for_no_longer_than_its_limit() -> None:
    merged = merge(item(0, 0, 5), item(1, 0, 4), item(2, 0, 3))
    assert merged.take(10, now_ms=99) == []
    assert merged.reached_ms(now_ms=99) is None
    assert names(merged.take(10, now_ms=100)) == ["2-0"]  # lane 2 has just become empty and is waited for in turn
    assert names(merged.take(10, now_ms=200)) == ["1-0"]
    assert merged.reached_ms(now_ms=200) == 1_770_000_003_000, "what depends on lane 2 is known up to here"


def test_a_partition_is_full_by_records_or_bytes_and_never_while_it_is_empty() -> None:
    def long(lane: int, offset: int) -> Item:
        each = item(lane, offset, 5)
        return Item(replace(each.origin, value=b"x" * 100), each.content)

    merged = merge(long(0, 0), long(0, 1), long(1, 0))
    assert merged.full(2, 10**6, 10**6) == {LANES[0]}
    assert merged.full(10, 200, 10**6) == {LANES[0]}
    assert merged.full(10, 10**6, 300) == {LANES[0], LANES[1]}
    merged.take(10, 0, flush=True)
    assert merged.full(1, 1, 1) == set()


def test_an_arrival_starts_the_wait_anew() -> None:
    merged = merge(item(0, 0, 5), item(1, 0, 4))
    merged.note_arrivals([LANES[2]], now_ms=90)
    assert merged.take(10, now_ms=150) == []
    assert names(merged.take(1, now_ms=190)) == ["1-0"]


def test_bad_records_and_posts_without_a_time_never_wait() -> None:
    bad = Item(Origin(LANES[1], 0), BadRecord("decode", "no JSON"))
    merged = merge(bad, item(0, 0, None), item(0, 1, 5))
    assert len(merged.take(10, now_ms=0)) == 2


def test_a_partitions_own_order_is_kept_even_when_it_steps_back_in_time() -> None:
    merged = merge(item(0, 0, 9), item(0, 1, 2), item(0, 2, 9), lanes=1)
    assert names(merged.take(10, 0, flush=True)) == ["0-0", "0-1", "0-2"]


def test_bytes_bound_what_is_taken_and_never_cut_a_tie() -> None:
    def long(offset: int, second: int) -> Item:
        each = item(0, offset, second)
        return Item(replace(each.origin, value=b"x" * 100), each.content)

    merged = merge(long(0, 5), long(1, 5), long(2, 6), long(3, 7), lanes=1)
    sizes = [len(merged.take(10, 0, max_bytes=150, flush=True)) for _ in range(2)]
    assert sizes == [2, 2]


def test_what_is_committed_after_each_take_leaves_nothing_behind() -> None:
    bad = Item(Origin(LANES[0], 1), BadRecord("decode", "no JSON"))
    merged = merge(item(0, 0, 5, "b"), bad, item(0, 2, 5, "a"), item(0, 3, 6), lanes=1)
    done = 0
    while batch := merged.take(1, 0, flush=True):
        offsets = sorted(each.origin.offset for each in batch)
        assert offsets == list(range(done, done + len(offsets)))
        done += len(offsets)
    assert done == 4


def test_an_ordinary_tie_is_never_cut() -> None:
    merged = merge(item(0, 0, 5, "c"), item(0, 1, 5, "a"), item(1, 0, 5, "b"), item(2, 0, 5, "d"))
    assert names(merged.take(1, 0, flush=True)) == ["a", "b", "c", "d"]


def test_a_tie_too_large_for_one_batch_comes_in_parts_that_may_be_committed() -> None:
    merged = merge(*(item(lane, offset, 5) for lane in range(2) for offset in range(700)), lanes=2)
    done = {LANES[0]: 0, LANES[1]: 0}
    while batch := merged.take(256, now_ms=0, flush=True):
        assert len(batch) <= 256
        for partition in done:
            offsets = sorted(each.origin.offset for each in batch if each.origin.partition == partition)
            assert offsets == list(range(done[partition], done[partition] + len(offsets)))
            done[partition] += len(offsets)
    assert set(done.values()) == {700}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6)), max_size=40), st.integers(1, 7))
def test_any_spread_over_partitions_gives_the_one_total_order(spread: list[tuple[int, int]], limit: int) -> None:
    events = sorted((second, f"{number:02}", lane) for number, (lane, second) in enumerate(spread))
    offsets = [0, 0, 0]
    merged = EventTimeMerge(LANES, stalled_ms=100, now_ms=0)
    for second, name, lane in events:
        merged.add(item(lane, offsets[lane], second, name))
        offsets[lane] += 1
    taken: list[Item] = []
    while batch := merge_take(merged, limit):
        taken.extend(batch)
    assert names(taken) == names(sorted(taken, key=lambda each: EventKey.of(each.content).as_tuple()))  # type: ignore[arg-type]
    assert len(taken) == len(events)
    for lane in LANES:
        own = [each.origin.offset for each in taken if each.origin.partition == lane]
        assert set(own) == set(range(len(own)))


def merge_take(merged: EventTimeMerge, limit: int) -> list[Item]:
    return merged.take(limit, 0, flush=True)
