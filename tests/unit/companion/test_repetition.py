"""A token repeats when it ends a run of three that stood there before."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.detector.companion.repetition import repeated


@pytest.mark.parametrize(
    ("ids", "which"),
    [
        ([], []),
        ([1, 2], []),
        ([1, 2, 3], []),
        ([1, 2, 3, 1, 2, 4], []),
        ([1, 2, 3, 1, 2, 3], [5]),
        ([1, 2, 3, 4, 1, 2, 3, 4, 5], [6, 7]),
        ([7, 7, 7, 7, 7], [3, 4]),
    ],
)
def test_runs_of_three_are_found(ids: list[int], which: list[int]) -> None:
    found = repeated(np.array(ids, dtype=np.int64))
    assert found.dtype == np.bool_
    assert found.nonzero()[0].tolist() == which
    assert len(found) == len(ids)


def test_it_agrees_with_looking_for_each_run_among_all_before() -> None:
    ids = np.random.default_rng(1).integers(0, 4, 300)
    runs = [tuple(ids[at - 2 : at + 1]) for at in range(2, 300)]
    assert repeated(ids)[2:].tolist() == [run in runs[:at] for at, run in enumerate(runs)]
