"""Account histories return an account's own posts up to a time, whatever order they came in."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from moderation.state.account_history import DAY_MS, HOUR_MS, MOST_POSTS, AccountHistory

POSTS = st.lists(st.tuples(st.integers(0, 2 * DAY_MS), st.integers(1, 8), st.integers(1, 3)), max_size=60)


def filled(posts: list[tuple[int, int, int]]) -> AccountHistory:
    history = AccountHistory(1, 3 * DAY_MS)
    for at_ms, post, text in posts:
        history.add_post(1, at_ms, post, text, (post % 3,))
    return history


@given(POSTS, st.integers(0, 2 * DAY_MS))
def test_own_posts_are_those_of_the_window(posts: list[tuple[int, int, int]], at_ms: int) -> None:
    own = filled(posts).window(1, at_ms, 0)
    assert own.in_day() == len({post for at, post, _ in posts if at_ms - DAY_MS < at <= at_ms})
    assert own.in_hour() == len({post for at, post, _ in posts if at_ms - HOUR_MS < at <= at_ms})
    assert set(own.addresses) == {post % 3 for at, post, _ in posts if at_ms - DAY_MS < at <= at_ms}


@given(POSTS, st.randoms(use_true_random=False), st.integers(0, 2 * DAY_MS))
def test_order_and_repetition_have_no_effect(posts: list[tuple[int, int, int]], rng: Random, at_ms: int) -> None:
    shuffled = [*posts, *posts]
    rng.shuffle(shuffled)
    one, other = filled(posts), filled(shuffled)
    assert one.entries == other.entries
    assert sorted(one.texts(1, 3, at_ms)) == sorted(other.texts(1, 3, at_ms))
    assert one.window(1, at_ms, 0).first_times(32) == other.window(1, at_ms, 0).first_times(32)


def test_a_revised_post_counts_once_at_its_first_time() -> None:
    history = filled([(1000, 1, 1), (2000, 2, 1), (3000, 1, 2)])
    assert history.window(1, 5000, 0).first_times(32) == [1000, 2000]
    assert history.texts(1, 1, 5000) == [1, 2]
    assert history.texts(1, 1, 1000 + DAY_MS) == [2]


def test_an_account_keeps_a_bounded_number_of_posts() -> None:
    history = filled([(number, number + 1, 1) for number in range(3 * MOST_POSTS)])
    assert history.entries == MOST_POSTS
    assert history.window(1, 3 * MOST_POSTS, 0).in_day() == MOST_POSTS
    assert history.texts(1, 3 * MOST_POSTS, 3 * MOST_POSTS) == [1]


def test_accounts_without_a_recent_post_are_dropped() -> None:
    history = AccountHistory(1, DAY_MS + HOUR_MS)
    for hour in range(100):
        history.add_post(hour + 1, hour * HOUR_MS, 1, 1, (0,))
        history.add_deletion(hour + 1, hour * HOUR_MS, 1)
        history.evict(hour * HOUR_MS)
    assert len(history) <= 27
    assert history.entries <= 54
    assert history.deletions(100, 99 * HOUR_MS) == 1
    history.add_post(1, 0, 1, 1, (0,))
    assert history.texts(1, 1, 0) == [], "older than what is kept"
