"""The follow graph: latest change per edge, degrees as of an earlier minute, bounded size."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from moderation.state.edges import Folded, Rows, fold
from moderation.state.follow_levels import Degrees
from moderation.state.follows import CONFLICT_HOURS, FollowGraph, Neighbour

MINUTE_MS = 60_000
Changes = list[tuple[int, int, int, bool]]
CHANGES = st.lists(
    st.tuples(st.integers(0, 14 * MINUTE_MS), st.integers(1, 4), st.integers(1, 4), st.booleans()), max_size=40
)


def applied(changes: Changes, most: int = 100) -> FollowGraph:
    graph = FollowGraph(most)
    for at_ms, follower, followed, follows in changes:
        graph.apply(follower, followed, at_ms, follows=follows)
    return graph


def rows_of(changes: Changes) -> Rows:
    rows = [(at_ms << 1 | follows, one, other) for at_ms, one, other, follows in changes if one != other]
    return np.array(rows, dtype=np.uint64).reshape(-1, 3)


def edges_at(changes: Changes, up_to_ms: int) -> set[tuple[int, int]]:
    last: dict[tuple[int, int], tuple[int, bool]] = {}
    for at_ms, follower, followed, follows in changes:
        if at_ms <= up_to_ms and follower != followed:
            edge = (follower, followed)
            last[edge] = max(last.get(edge, (-1, False)), (at_ms, follows))
    return {edge for edge, (_, follows) in last.items() if follows}


def degrees(edges: set[tuple[int, int]], account: int) -> Degrees:
    return Degrees(
        sum(one == account for one, _ in edges),
        sum(other == account for _, other in edges),
        sum(one == account and (other, one) in edges for one, other in edges),
    )


@given(CHANGES, st.randoms(use_true_random=False))
def test_latest_change_of_each_edge_wins_in_any_order(changes: Changes, rng: Random) -> None:
    shuffled = [*changes, *changes]
    rng.shuffle(shuffled)
    graph, expected = applied(shuffled), edges_at(changes, 14 * MINUTE_MS)
    assert len(graph) == len(expected)
    for account in range(1, 5):
        assert graph.degrees(account, 14) == degrees(expected, account)


@given(CHANGES, st.integers(0, 14))
def test_degrees_are_those_at_the_end_of_the_minute(changes: Changes, minute: int) -> None:
    changes.sort()
    graph = applied(changes)
    graph.evict(14 * MINUTE_MS)
    expected = edges_at(changes, (minute + 1) * MINUTE_MS - 1)
    for account in range(1, 5):
        assert graph.degrees(account, minute) == degrees(expected, account)


@given(CHANGES)
def test_a_loaded_graph_equals_the_one_that_was_folded(changes: Changes) -> None:
    graph = applied(changes)
    folded = fold(Folded(), rows_of(changes), 0)
    loaded = FollowGraph(100)
    loaded.load(folded, graph.first_ms)
    assert {tuple(edge) for edge in folded.edges.rows()[:, 1:].tolist()} == edges_at(changes, 14 * MINUTE_MS)
    for account in range(1, 5):
        assert loaded.degrees(account, 14) == graph.degrees(account, 14)
    loaded.apply(1, 2, 14 * MINUTE_MS, follows=True)
    graph.apply(1, 2, 14 * MINUTE_MS, follows=True)
    assert loaded.degrees(1, 14) == graph.degrees(1, 14)
    assert loaded.first_ms == graph.first_ms


def test_folding_twice_equals_folding_once() -> None:
    rng = Random(3)
    changes = [(rng.randrange(10**6), rng.randrange(1, 9), rng.randrange(1, 9), rng.random() < 0.6) for _ in range(400)]
    rows, nothing = rows_of(changes), Folded()
    once, twice = fold(nothing, rows, 0), fold(fold(nothing, rows[:200], 0), rows[200:], 0)
    np.testing.assert_array_equal(twice.rows(), once.rows())
    np.testing.assert_array_equal(twice.edges.accounts, once.edges.accounts)


def test_accounts_that_follow_many_behave_like_others() -> None:
    graph = applied([(number, 1, number + 2, True) for number in range(1000)], most=5000)
    graph.apply(1, 500, 2000, follows=False)
    graph.apply(501, 1, 2000, follows=True)
    assert graph.degrees(1, 10) == Degrees(999, 1, 1)


def test_neighbours_are_the_newest_follows_at_a_time_with_those_that_follow_back() -> None:
    graph = applied([(at, 1, followed, True) for at, followed in ((30, 4), (10, 2), (20, 3), (40, 5))])
    graph.apply(2, 1, 15, follows=True)
    graph.apply(1, 3, 50, follows=False)
    assert graph.neighbours(1, 40, 10) == [Neighbour(5, False), Neighbour(4, False), Neighbour(2, True)]
    assert graph.neighbours(1, 39, 1) == [Neighbour(4, False)]
    assert graph.neighbours(2, 40, 10) == [Neighbour(1, True)]
    assert graph.neighbours(9, 40, 10) == []


def test_neighbours_of_an_account_that_follows_very_many_are_read_from_a_part() -> None:
    graph = applied([(number, 1, number + 2, True) for number in range(5_000)], most=6_000)
    found = graph.neighbours(1, 10_000, 5_000)
    assert [one.account for one in found] == list(range(5_001, 5_001 - 4_096, -1))


def test_edges_beyond_the_limit_are_counted_not_kept() -> None:
    graph = applied([(1, 1, followed, True) for followed in range(2, 6)], most=2)
    assert (len(graph), graph.refused) == (2, 2)
    graph.apply(1, 2, 5, follows=False)
    graph.apply(1, 9, 6, follows=True)
    assert graph.degrees(1, 10) == Degrees(2, 0, 0)


def test_a_follow_of_oneself_is_ignored() -> None:
    graph = applied([(1, 1, 1, True)])
    assert len(graph) == 0
    assert graph.first_ms is None


def test_details_of_changes_that_cannot_be_late_are_forgotten() -> None:
    graph = applied(
        [(number * MINUTE_MS, number % 50 + 1, number % 49 + 60, number % 3 > 0) for number in range(3000)], most=9000
    )
    graph.evict(3000 * MINUTE_MS)
    assert len(graph._ended) <= 60 * (CONFLICT_HOURS + 1)
    assert len(graph._changes) <= 16
