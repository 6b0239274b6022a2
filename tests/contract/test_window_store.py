"""What every window store promises, whatever keeps its buckets."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

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


@pytest.mark.parametrize("kind", [MemoryWindowStore])
@given(adds=ADDS, after=st.integers(-1, 30), up_to=st.integers(-1, 30), including=st.sampled_from(["a", "z", None]))
def test_a_count_is_how_many_members_there_are(
    kind: Callable[[], WindowStore], adds: Adds, after: int, up_to: int, including: str | None
) -> None:
    store = filled(kind(), adds)
    found = store.members("k", after_minute=after, up_to_minute=up_to) | ({including} - {None})
    assert store.count("k", after_minute=after, up_to_minute=up_to, including=including) == len(found)


@pytest.mark.parametrize("kind", [MemoryWindowStore])
@pytest.mark.parametrize("seed", range(20))
def test_a_busy_key_counts_like_any_other(kind: Callable[[], WindowStore], seed: int) -> None:
    rng, store, minute = Random(seed), kind(), 0
    for _ in range(1500):
        minute += rng.random() < 0.3
        late = rng.randrange(100) if rng.random() < 0.02 else 0
        store.add("k", f"m{rng.randrange(400)}", max(minute - late, 0) * MINUTE_MS)
        if rng.random() < 0.05:
            store.evict(minute - 330)
            for window in (20, 60, 300):
                including = rng.choice(["m1", "z", None])
                for up_to in (minute, minute - 1):
                    found = store.members("k", after_minute=minute - window, up_to_minute=up_to) | {including}
                    counted = store.count("k", after_minute=minute - window, up_to_minute=up_to, including=including)
                    assert counted == len(found - {None})


def test_the_latest_are_whole_minutes_until_there_are_enough(make: Callable[[], WindowStore]) -> None:
    store = filled(make(), [("k", f"{minute}{letter}", minute * MINUTE_MS) for minute in range(6) for letter in "ab"])

    def latest(at_least: int, after: int = -1, up_to: int = 4) -> set[str]:
        return store.latest("k", after_minute=after, up_to_minute=up_to, at_least=at_least)

    assert latest(1) == latest(2) == {"4a", "4b"}
    assert latest(3) == {"3a", "3b", "4a", "4b"}
    assert latest(3, after=3) == {"4a", "4b"}
    assert len(latest(99)) == 10
    assert store.latest("other", after_minute=-1, up_to_minute=4, at_least=1) == set()


def test_what_is_evicted_is_gone_and_what_is_younger_stays(make: Callable[[], WindowStore]) -> None:
    store = filled(make(), [("k", "old", 0), ("k", "young", 10 * MINUTE_MS), ("q", "old", MINUTE_MS)])
    store.evict(before_minute=10)
    assert contents(store) == {("k", 10, "young")}
    store.add("k", "late", 9 * MINUTE_MS)
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


@given(st.permutations(range(12)))
def test_what_a_full_bucket_keeps_does_not_depend_on_the_order(order: list[int]) -> None:
    store = MemoryWindowStore(max_members=5)
    for number in [*order, *order[:4]]:
        store.add("hot", f"{number:02}", 0)
    assert contents(store) == {("hot", 0, f"{number:02}") for number in range(5)}
