"""The distinct accounts of a key by day."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.state.coverage import DAY_MS, KEPT_MS
from moderation.state.daily_accounts import DAYS_KEPT_MS, MOST_OF_A_DAY, DailyAccounts

KEY = 7


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 40)), max_size=60), st.randoms())
def test_the_order_and_repetition_of_accounts_change_nothing(rows: list[tuple[int, int]], random: object) -> None:
    one, other = DailyAccounts(), DailyAccounts()
    for day, account in rows:
        one.add(KEY, day, account)
    shuffled = [*rows, *rows[:5]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random of hypothesis
    for day, account in shuffled:
        other.add(KEY, day, account)
    for day in range(16):
        assert one.largest(KEY, day) == other.largest(KEY, day)
    assert one.first_day(KEY) == other.first_day(KEY) == min((day for day, _ in rows), default=None)


def test_the_busiest_of_seven_days_that_end_two_days_before_counts() -> None:
    days = DailyAccounts()
    for day, number in ((1, 5), (2, 9), (3, 2), (9, 3), (10, 30), (11, 31)):
        for account in range(number):
            days.add(KEY, day, 100 + account)
    assert days.largest(KEY, 11) == 3, "days 3 to 9"
    assert days.largest(KEY, 10) == 9, "days 2 to 8"
    assert days.largest(KEY, 30) == 0
    assert days.largest(KEY + 1, 11) == 0
    days.add(KEY, 8, 1)
    for account in range(12):
        days.add(KEY, 8, account)
    assert days.largest(KEY, 11) == 12, "an account of a closed day that comes late counts"


def test_many_accounts_are_estimated_from_a_bounded_sample() -> None:
    days = DailyAccounts()
    for account in np.random.default_rng(3).integers(1, 2**63, 5000, dtype=np.uint64).tolist():
        days.add(KEY, 1, 2 * account)
    assert days.largest(KEY, 4) == pytest.approx(5000, rel=0.5)
    changed = [days.add(KEY, 1, 2**64 - number) for number in range(1, 100)]
    assert not any(changed), f"at most {MOST_OF_A_DAY} accounts of a day are kept"


def test_old_days_are_dropped_and_stored_rows_are_the_same() -> None:
    days, again = DailyAccounts(), DailyAccounts()
    again.add_stored(KEY, array("Q", (4, 2, 3, 1, 4, 1)))
    for day, account in ((3, 1), (4, 1), (4, 2)):
        days.add(KEY, day, account)
    assert days.largest(KEY, 6) == again.largest(KEY, 6) == 2
    days.evict(5 * DAY_MS + DAYS_KEPT_MS + KEPT_MS)
    assert len(days) == 0
    days.evict(4 * DAY_MS)
    assert again.first_day(KEY) == 3
    again.evict(4 * DAY_MS + DAYS_KEPT_MS + KEPT_MS)
    assert again.first_day(KEY) == 4
