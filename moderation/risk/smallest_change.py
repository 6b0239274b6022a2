"""Finds the smallest change to one value after which a post would not have been flagged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Reason
from moderation.risk.manifest import NamedFeature
from moderation.risk.phrases import shown, statement

SMALLEST_CHANGE = "smallest_change"
"""Name of this reason, which has no contribution."""
_NOT_CHANGED = frozenset({"content_mean", "content_scored", "content_community", "coordination_most_shared_7d"})
"""Describe the evidence of the texts and change no risk, or change only together with another value."""
_HALVINGS = 6
"""How often the interval between a value and its usual range is halved."""

Rows = NDArray[np.float64]
Flagged = Callable[[Rows], Sequence[bool]]


@dataclass(frozen=True)
class _Change:
    """A value outside its usual range, and a nearer value with which the post is not flagged."""

    feature: NamedFeature
    column: int
    value: float
    nearer: float
    width: float

    @property
    def size(self) -> float:
        """The change in widths of the usual range."""
        return abs(self.value - self.nearer) / self.width


def smallest_change(
    named: Sequence[NamedFeature], features: Rows, columns: NDArray[np.intp], flagged: Flagged
) -> Reason | None:
    """Return the change as a reason without contribution; None where there is no flag, or no single value suffices.

    Each value outside the usual range of genuine accounts is moved towards the range until *flagged* is False. Of these
    changes, the smallest is that of the least share of the width of its range. A missing value is never changed.
    *features* has shape (f,), *columns* (len(named),): the place of each named feature in it.
    """
    if not flagged(features[None, :])[0]:
        return None
    changes = list(_to_usual(named, features, columns))
    if not changes:
        return None
    stays = flagged(_moved(features, changes))
    enough = [change for change, still in zip(changes, stays, strict=True) if not still]
    if not enough:
        return None
    change = min(_halved(features, enough, flagged), key=lambda one: (one.size, one.feature.name))
    feature = change.feature
    sentence = (
        f"The smallest change that would have avoided the flag: “{statement(feature, change.nearer)}”, "
        f"instead of {shown(feature, change.value)}."
    )
    return Reason(feature.family, SMALLEST_CHANGE, change.nearer, 0.0, sentence)


def _to_usual(named: Sequence[NamedFeature], features: Rows, columns: NDArray[np.intp]) -> Iterator[_Change]:
    """Yield the change to the end of the usual range of each value outside it."""
    for feature, column in zip(named, columns.tolist(), strict=True):
        value, low, high = float(features[column]), feature.genuine_low, feature.genuine_high
        if low is None or high is None or feature.name in _NOT_CHANGED or np.isnan(value) or low <= value <= high:
            continue
        width = (high - low) or max(abs(high), 1.0)
        yield _Change(feature, column, value, high if value > high else low, width)


def _halved(features: Rows, changes: Sequence[_Change], flagged: Flagged) -> list[_Change]:
    """Return the changes with values as near to the own ones as halving finds; counts are whole numbers."""
    far = [change.value for change in changes]
    found = list(changes)
    for _ in range(_HALVINGS):
        middle = [replace(one, nearer=_between(one, value)) for one, value in zip(found, far, strict=True)]
        for place, still in enumerate(flagged(_moved(features, middle))):
            if still:
                far[place] = middle[place].nearer
            else:
                found[place] = middle[place]
    return found


def _between(change: _Change, far: float) -> float:
    """Return the middle of a value that is flagged and one that is not; of counts, a whole number."""
    middle = (change.nearer + far) / 2
    if change.feature.unit != "count":
        return middle
    return float(np.floor(middle) if far > change.nearer else np.ceil(middle))


def _moved(features: Rows, changes: Sequence[_Change]) -> Rows:
    """Return one row of features for each change, shape (changes, f)."""
    rows = np.repeat(features[None, :], len(changes), axis=0)
    rows[np.arange(len(changes)), [change.column for change in changes]] = [change.nearer for change in changes]
    return rows
