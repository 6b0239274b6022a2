"""What every window store promises, whatever keeps its buckets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.state import MemoryWindowStore, WindowStore

MINUTE_MS = 60_000
Adds = list[tuple[str, str, int]]
ADDS = st.lists(st.tuples(st.sampled_from("kq"), st.sampled_from("abc"), st.integers(0, 30 * MINUTE_MS)), max_size=30)


@pytest.fixture(params=[MemoryWindowStore])
def make(request: pytest.FixtureRequest) -> Callable[[], WindowStore]:
    return request.param  # type: ignore[no-any-return]


def filled(store: WindowStore, adds: Adds) -> WindowStore:
    for key, member, at_ms in adds:
        store.add(key, member, at_ms)
    return store


def contents(store: WindowStore) -> set[tuple[str, int, str]]:
    return {(key, minute, member) for key, minute, members in store.dump() for member in members}


@pytest.mark.parametrize("kind", [MemoryWindowStore])
@given(adds=ADDS)
def test_adding_again_in_any_order_changes_nothing(kind: Callable[[], WindowStore], adds: Adds) -> None:
    once = filled(kind(), adds)
    assert contents(filled(kind(), adds + adds[::-1])) == contents(once)


@pytest.mark.parametrize("kind", [MemoryWindowStore])
@given(adds=ADDS, after=st.integers(-1, 30), up_to=st.integers(-1, 30))
def test_members_are_those_of_the_window(kind: Callable[[], WindowStore], adds: Adds, after: int, up_to: int) -> None:
    expected = {member for key, member, at in adds if key == "k" and after < at // MINUTE_MS <= up_to}
    assert filled(kind(), adds).members("k", after_minute=after, up_to_minute=up_to) == expected


def test_what_is_evicted_is_gone_and_what_is_younger_stays(make: Callable[[], WindowStore]) -> None:
    store = filled(make(), [("k", "old", 0), ("k", "young", 10 * MINUTE_MS), ("q", "old", MINUTE_MS)])
    store.evict(before_minute=10)
    assert contents(store) == {("k", 10, "young")}


def test_a_dump_loads_into_the_same_store(make: Callable[[], WindowStore]) -> None:
    store = filled(make(), [("k", "a", 0), ("k", "b", 5), ("q", "a", 7 * MINUTE_MS)])
    other = make()
    other.load(list(store.dump()))
    assert contents(other) == contents(store)
    other.evict(before_minute=3)
    assert contents(other) == {("q", 7, "a")}


def test_memory_stays_within_the_stated_bound() -> None:
    store = MemoryWindowStore(max_members=50)
    for number in range(5_000):
        store.add("hot", str(number), number % 3 * MINUTE_MS)
    assert len(store) == 150
