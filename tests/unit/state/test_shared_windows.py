"""Shared windows count distinct members: exactly when small, within the stated error when large, at a bounded cost."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.state.members import EXACT_MEMBERS, NEW, SETTLED
from moderation.state.shared_windows import DAY_MINUTES, PRECISE_MINUTES, STORED_MEMBERS, SharedWindow, SharedWindows

Adds = list[tuple[int, int, int]]
ADDS = st.lists(st.tuples(st.integers(0, 3000), st.sampled_from([0, NEW, SETTLED]), st.integers(1, 12)), max_size=200)


def filled(adds: Adds) -> SharedWindow:
    window = SharedWindow()
    for minute, kind, member in adds:
        window.add(minute, kind, member)
    return window


def within(adds: Adds, up_to: int, minutes: int, kind: int | None = None) -> set[int]:
    return {member for minute, k, member in adds if up_to - minutes < minute <= up_to and (kind is None or k == kind)}


@given(ADDS, st.integers(0, PRECISE_MINUTES - 1))
def test_shared_window_members_are_those_of_the_hour_and_the_day(adds: Adds, before: int) -> None:
    newest = max((minute for minute, _, _ in adds), default=0)
    up_to = newest - before
    read = filled(adds).read(up_to)
    assert set(read.hour.entries) == within(adds, up_to, 60)
    assert set(read.day.entries) == within(adds, up_to, DAY_MINUTES)
    assert set(read.new.entries) == within(adds, up_to, DAY_MINUTES, NEW)
    assert set(read.settled.entries) == within(adds, up_to, DAY_MINUTES, SETTLED)


@given(ADDS, st.randoms(use_true_random=False))
def test_shared_window_order_and_repetition_of_adds_have_no_effect(adds: Adds, rng: Random) -> None:
    newest = max((minute for minute, _, _ in adds), default=0)
    shuffled = [*adds, *adds]
    rng.shuffle(shuffled)
    one, other = filled(shuffled).read(newest), filled(adds).read(newest)
    for name in ("hour", "day", "new", "settled"):
        assert getattr(one, name).entries.keys() == getattr(other, name).entries.keys()


def test_shared_window_add_after_a_read_of_a_later_minute_is_read() -> None:
    window = filled([(1000 + number % 50, NEW, number + 1) for number in range(100)])
    assert len(window.read(1049).day.entries) == 100
    window.add(1020, NEW, 5000)
    assert len(window.read(1049).day.entries) == 101


@pytest.mark.parametrize("seed", range(10))
def test_shared_window_reads_in_between_change_no_later_read(seed: int) -> None:
    rng, minute = Random(seed), 10
    adds: Adds = []
    window = SharedWindow()
    for _ in range(3000):
        minute += rng.random() < 0.5
        adds.append((minute - rng.randrange(3), rng.choice([0, NEW, SETTLED]), rng.randrange(1, 300)))
        window.add(*adds[-1])
        if rng.random() < 0.1:
            up_to = max(minute - rng.randrange(6), 0)
            read = window.read(up_to)
            assert set(read.hour.entries) == within(adds, up_to, 60)
            assert set(read.day.entries) == within(adds, up_to, DAY_MINUTES)
            assert set(read.new.entries) == within(adds, up_to, DAY_MINUTES, NEW)


def test_shared_windows_loaded_at_once_equal_those_added_one_by_one() -> None:
    rng = Random(4)
    rows = sorted(
        (rng.randrange(2000), rng.randrange(0, 8), rng.randrange(3), rng.randrange(1, 99)) for _ in range(900)
    )
    one, other = SharedWindows(1500), SharedWindows(1500)
    for minute, key, kind, member in rows:
        if key:
            one.add(key, minute, kind, member)
    minutes, keys, kinds, members = np.array(rows, dtype=np.uint64).T
    other.load(keys, minutes, kinds, members)
    for key in range(8):
        assert one.read(key, 1995).day.entries.keys() == other.read(key, 1995).day.entries.keys()
    one.evict(3400)
    other.evict(3400)
    assert len(one) == len(other)


def test_shared_window_own_member_counts_once() -> None:
    read = filled([(1, NEW, 7), (2, NEW, 8)]).read(5)
    assert read.number(read.day, 7) == 2
    assert read.number(read.day, 9) == 3
    assert read.number(read.new, 9, is_one=False) == 2
    assert read.number(read.new, 7, is_one=False) == 2


def test_shared_window_is_exact_up_to_the_stated_size() -> None:
    rng = Random(1)
    members = [rng.getrandbits(64) for _ in range(EXACT_MEMBERS)]
    window = filled([(number * DAY_MINUTES // EXACT_MEMBERS, 0, member) for number, member in enumerate(members)])
    assert len(window.read(DAY_MINUTES - 1).day.entries) == EXACT_MEMBERS
    assert window.read(DAY_MINUTES - 1).shift == 0


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_shared_window_beyond_the_stated_size_is_within_the_stated_error(size: int) -> None:
    rng = Random(2)
    window = filled([(number * DAY_MINUTES // size, 0, rng.getrandbits(64)) for number in range(size)])
    read = window.read(DAY_MINUTES - 1)
    day, hour = read.number(read.day, 1), read.number(read.hour, 1)
    assert abs(day - size) < 4 * math.sqrt(2 / EXACT_MEMBERS) * size
    assert abs(hour - size / 24) < 4 * math.sqrt(2**read.shift * size / 24)
    assert len(window) < 4 * STORED_MEMBERS


@pytest.mark.parametrize("size", [6_000, 12_000])
def test_shared_window_estimate_depends_on_its_members_alone(size: int) -> None:
    rng = Random(3)
    adds: Adds = [(number * 600 // size, NEW, rng.getrandbits(64)) for number in range(size)]
    one, loaded = filled(adds), SharedWindows(1500)
    within_minute = sorted(adds, key=lambda add: (add[0], rng.random()))
    rows = np.array(adds, dtype=np.uint64)
    loaded.load(np.full(size, 5, np.uint64), rows[:, 0], rows[:, 1], rows[:, 2])
    for other in (filled(within_minute).read(599), loaded.read(5, 599)):
        assert other.number(other.day, 1) == one.read(599).number(one.read(599).day, 1)


def test_shared_window_of_few_busy_members_stays_exact_and_small() -> None:
    window = SharedWindow()
    for minute in range(2 * DAY_MINUTES):
        for member in range(1, 51):
            window.add(minute, 0, member)
    assert len(window.read(2 * DAY_MINUTES - 1).day.entries) == 50
    assert len(window) <= 2 * 50 * (PRECISE_MINUTES + 1)


def test_shared_windows_drop_keys_that_are_idle_for_longer_than_every_window() -> None:
    windows = SharedWindows(kept_minutes=120)
    for hour in range(80):
        for key in range(10):
            windows.add(hour * 100 + key + 1, hour * 60 + key, 0, 1)
        windows.evict(hour * 60 + 59)
    assert len(windows) <= 40
    assert len(windows.read(79 * 100 + 1, 79 * 60 + 30).day.entries) == 1
    windows.add(5, 0, 0, 1)
    assert not windows.read(5, 79 * 60).day.entries, "older than what is kept"


def test_shared_windows_keep_a_key_that_stays_active() -> None:
    windows = SharedWindows(kept_minutes=120)
    for minute in range(0, 1000, 7):
        windows.add(1, minute, 0, minute + 1)
        windows.evict(minute)
    assert len(windows) == 1
    assert len(windows.read(1, 999).hour.entries) == len([minute for minute in range(0, 1000, 7) if minute > 999 - 60])


def test_a_key_with_one_member_is_known_without_a_read() -> None:
    windows = SharedWindows(120)
    assert windows.only(7, 1)
    windows.add(7, 10, 0, 1)
    windows.add(7, 11, 0, 1)
    assert windows.only(7, 1)
    assert not windows.only(7, 2)
    windows.add(7, 12, 0, 2)
    assert not windows.only(7, 1)
