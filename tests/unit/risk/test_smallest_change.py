"""The smallest change that would have avoided a flag."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Reason
from moderation.risk.manifest import NamedFeature
from moderation.risk.smallest_change import smallest_change

COLUMNS = np.array([2, 0, 1])
"""The features of the bundle are in another order than the columns."""


def named(name: str, family: str, low: float | None, high: float | None) -> NamedFeature:
    return NamedFeature(
        name=name, family=family, version=1, unit="count", meaning=name, genuine_median=low, genuine_low=low,
        genuine_high=high,
    )  # fmt: skip


FEATURES = (
    named("account_posts_1h", "account", 1, 5),
    named("network_accounts_1h", "network", 1, 11),
    named("graph_in_degree", "graph", 10, 20),
)


def found(flagged: NDArray[np.float64], *weights: float, limit: float = 20) -> Reason | None:
    """Return the change for a post that is flagged while the weighted sum of its values is above the limit."""

    def is_flagged(rows: NDArray[np.float64]) -> Sequence[bool]:
        return (np.nansum(rows * np.array(weights), axis=1) > limit).tolist()

    return smallest_change(FEATURES, flagged, COLUMNS, is_flagged)


def test_the_value_that_is_nearest_to_its_usual_range_is_named() -> None:
    # One less suffices of each: a tenth of the range of the network, a fourth of that of the account.
    reason = found(np.array([21.0, 15.0, 13.0]), 1, 0, 1, limit=33)
    assert reason is not None
    assert (reason.family, reason.value, reason.contribution) == ("network", 20, 0)
    assert reason.sentence == (
        "The smallest change that would have avoided the flag: “20 accounts posted from its address in the last hour”, "
        "instead of 21."
    )


def test_a_change_that_does_not_suffice_is_not_named() -> None:
    reason = found(np.array([21.0, 15.0, 100.0]), 1, 0, 1, limit=30)
    assert reason is not None
    assert reason.family == "account"
    assert found(np.array([21.0, 15.0, 100.0]), 1, 0, 1, limit=5) is None


def test_a_value_below_its_range_is_raised() -> None:
    reason = found(np.array([5.0, 2.0, 3.0]), 0, -1, 0, limit=-9)
    assert reason is not None
    assert (reason.family, reason.value) == ("graph", 9)


def test_missing_and_usual_values_are_never_changed() -> None:
    assert found(np.array([np.nan, 15.0, 5.0]), 1, 1, 1, limit=3) is None


def test_a_post_without_a_flag_has_no_change() -> None:
    assert found(np.array([21.0, 15.0, 13.0]), 1, 0, 1, limit=1000) is None
