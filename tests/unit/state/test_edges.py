"""Edges in sorted arrays: changes are folded as in a dictionary, and the arrays stay in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from moderation.state.edges import Edges, Folded, Rows, fold

CHANGE = st.tuples(st.integers(1, 50), st.booleans(), st.integers(1, 6), st.integers(1, 6))
CHANGES = st.lists(CHANGE.filter(lambda change: change[2] != change[3]), max_size=40)


def rows_of(changes: list[tuple[int, bool, int, int]]) -> Rows:
    rows = [(at_ms << 1 | follows, one, other) for at_ms, follows, one, other in changes]
    return np.array(rows, dtype=np.uint64).reshape(-1, 3)


def check_order(edges: Edges) -> None:
    pairs = edges.pairs().tolist()
    assert pairs == sorted(pairs)
    assert edges.accounts.tolist() == sorted(set(edges.accounts[edges.pairs()].ravel().tolist()))
    assert edges.starts[-1] == len(edges) == len(edges.times)


@given(st.lists(st.tuples(CHANGES, st.integers(0, 60)), max_size=4))
def test_folded_changes_are_the_latest_of_each_edge(steps: list[tuple[list[tuple[int, bool, int, int]], int]]) -> None:
    folded = Folded()
    expected: dict[tuple[int, int], tuple[int, bool]] = {}
    for changes, before_ms in steps:
        folded = fold(folded, rows_of(changes), before_ms)
        for at_ms, follows, one, other in changes:
            expected[one, other] = max(expected.get((one, other), (0, False)), (at_ms, follows))
        expected = {edge: last for edge, last in expected.items() if last[1] or last[0] >= before_ms}
        check_order(folded.edges)
    kept = rows_of([(at_ms, follows, *edge) for edge, (at_ms, follows) in sorted(expected.items())])
    found = folded.rows()
    np.testing.assert_array_equal(found[np.lexsort((found[:, 2], found[:, 1]))], kept)


@given(CHANGES)
def test_arrays_of_folded_changes_are_read_again(changes: list[tuple[int, bool, int, int]]) -> None:
    folded = fold(Folded(), rows_of(changes), 0)
    np.testing.assert_array_equal(Folded.of(folded.arrays()).rows(), folded.rows())
