"""Finds the smallest change to one value after which a post would not have been flagged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Reason
from moderation.risk.manifest import NamedFeature
from moderation.risk.phrases import shown, statement

SMALLEST_CHANGE = "smallest_change"
"""Name of this reason, which has no contribution."""
_NOT_CHANGED = frozenset({"content_mean", "content_scored", "content_community"})
"""Describe the evidence of the texts and change no risk."""

Flagged = Callable[[NDArray[np.float64]], Sequence[bool]]


def smallest_change(
    named: Sequence[NamedFeature], features: NDArray[np.float64], columns: NDArray[np.intp], flagged: Flagged
) -> Reason | None:
    """Return the change as a reason without contribution; None where there is no flag, or no single value suffices.

    A value outside the usual range of genuine accounts is moved to the end of the range that is next to it. Of the
    changes after which *flagged* is False, the smallest is that of the least share of the width of its range. A missing
    value is never changed. *features* has shape (f,), *columns* (len(named),): the place of each named feature in it.
    """
    if not flagged(features[None, :])[0]:
        return None
    changes: list[tuple[float, NamedFeature, float, float]] = []
    rows: list[NDArray[np.float64]] = []
    for feature, column in zip(named, columns.tolist(), strict=True):
        value, low, high = float(features[column]), feature.genuine_low, feature.genuine_high
        if low is None or high is None or feature.name in _NOT_CHANGED or np.isnan(value) or low <= value <= high:
            continue
        nearest = high if value > high else low
        size = abs(value - nearest) / ((high - low) or max(abs(high), 1.0))
        changes.append((size, feature, value, nearest))
        rows.append(features.copy())
        rows[-1][column] = nearest
    if not changes:
        return None
    enough = [change for change, stays in zip(changes, flagged(np.stack(rows)), strict=True) if not stays]
    if not enough:
        return None
    _, feature, value, nearest = min(enough, key=lambda change: (change[0], change[1].name))
    sentence = (
        f"The smallest change that would have avoided the flag: “{statement(feature, nearest)}”, "
        f"instead of {shown(feature, value)}."
    )
    return Reason(feature.family, SMALLEST_CHANGE, nearest, 0.0, sentence)
