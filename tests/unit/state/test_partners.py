"""What is kept of accounts that post the same at the same time."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.state.coverage import DAY_MS, HOUR_MS
from moderation.state.partners import PARTNERS_KEPT_MS, UNKNOWN, PartnerHistory, packed_occasion

NOW_MS = 20_000 * DAY_MS
PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5), st.integers(1, 4)), max_size=30)
"""Hours ago, item and other account."""


def history(pairs: list[tuple[int, int, int]]) -> PartnerHistory:
    found = PartnerHistory()
    for hours, item, other in pairs:
        found.add(7, packed_occasion(NOW_MS - hours * HOUR_MS, item << 50), other)
    return found


def test_an_account_that_posts_the_same_once_is_no_partner() -> None:
    assert history([(5, 1, 2), (5, 1, 3)]).read(7, NOW_MS) == (0, 1)


def test_two_different_items_make_a_partner() -> None:
    assert history([(5, 1, 2), (5, 2, 2)]).read(7, NOW_MS) == (1, 2)
    assert history([(50, 1, 2), (5, 1, 2), (5, 1, 3)]).read(7, NOW_MS) == (0, 1)


def test_an_item_of_an_account_is_kept_once_a_day_at_its_first_time() -> None:
    found = PartnerHistory()
    day_ms = NOW_MS - DAY_MS
    assert found.add(7, packed_occasion(day_ms + 500, 1 << 50), 2)
    assert not found.add(7, packed_occasion(day_ms + 900, 1 << 50), 2)
    assert found.add(7, packed_occasion(day_ms + 100, 1 << 50), 2)
    assert found.add(7, packed_occasion(day_ms + DAY_MS, 1 << 50), 2)
    assert [pair >> 22 for pair in found._pairs[7][0::2]] == [day_ms + 100, day_ms + DAY_MS]


def test_occasions_count_for_seven_days_and_never_before_they_happen() -> None:
    found = history([(5, 1, 2), (5, 2, 2)])
    assert found.read(7, NOW_MS - 6 * HOUR_MS) == (0, 0)
    assert found.read(7, NOW_MS - 5 * HOUR_MS + PARTNERS_KEPT_MS - 1) == (1, 2)
    assert found.read(7, NOW_MS - 5 * HOUR_MS + PARTNERS_KEPT_MS) == (0, 0)


def test_unknown_others_make_the_partners_unknown_while_the_occasion_counts() -> None:
    found = history([(5, 1, 2), (5, 2, 2), (100, 3, UNKNOWN)])
    assert found.read(7, NOW_MS) is None
    assert found.read(7, NOW_MS - 100 * HOUR_MS + PARTNERS_KEPT_MS) == (1, 2)


@given(PAIRS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(pairs: list[tuple[int, int, int]], random: object) -> None:
    again = [*pairs, *pairs[:5]]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert history(again).read(7, NOW_MS) == history(pairs).read(7, NOW_MS)


def test_the_latest_occasions_of_an_account_are_kept() -> None:
    found = history([(hours, hours, 2) for hours in range(160, -1, -1)])
    assert found.read(7, NOW_MS) == (1, 128)


@pytest.mark.parametrize("evicts", [True, False])
def test_accounts_are_dropped_when_their_last_occasion_counts_no_longer(evicts: bool) -> None:
    found = PartnerHistory(evicts=evicts)
    found.add_stored(7, array("Q", (packed_occasion(NOW_MS, 1), 2)))
    found.evict(NOW_MS + PARTNERS_KEPT_MS)
    assert len(found) == 1
    found.evict(NOW_MS + 10 * DAY_MS)
    assert len(found) == (0 if evicts else 1)
    found.forget(7)
    assert len(found) == 0
