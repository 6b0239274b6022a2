"""Content features: the scores of an account's last posts, relative to those of human texts of the same length.

Where the texts of a community score high, those of its accounts are compared to them. One text proves little. Several
prove more, because the deviations of one person's texts partly cancel out; by how much depends on their correlation.
The last few are also counted alone, because an account can have earlier texts of its owner, or written for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.features.catalogue import FEATURES
from moderation.state.community_votes import Votes
from moderation.state.score_history import MOST_SCORES, OwnScores

CONTENT_COLUMNS = tuple(column for column, feature in enumerate(FEATURES) if feature.family == "content")
"""Columns of the content features in a feature vector."""

LEAST_VOTES = 20
"""Accounts that a baseline of a community needs."""
SHRINKAGE = 30
"""Number of accounts at which a community's median counts half."""
LAST_TEXTS = 4
"""Texts that are counted alone beside all of the last 12."""
_MOST_KNOWN = 10_000


@dataclass(frozen=True)
class ContentBaseline:
    """Median and spread of the logits of human texts by length, between knots by linear interpolation."""

    tokens_log2: tuple[float, ...]
    """Knots: binary logarithm of the number of tokens, one added; ascending."""
    medians: tuple[float, ...]
    spreads: tuple[float, ...]
    """Half the distance between the 16 % and the 84 % quantile, in logits; above 0."""
    correlation: float
    """Correlation between the residuals of two texts of one person in communities with a baseline, from 0 to 1."""
    correlation_alone: float
    """The same without baselines of communities."""
    most_excused: float
    """The largest residual that a community's median excuses, in spreads."""

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a median and a positive spread for each ascending knot."""
        if not len(self.tokens_log2) == len(self.medians) == len(self.spreads) > 0:
            raise ValueError("a content baseline needs a median and a spread for each knot")
        if not np.isfinite([*self.medians, *self.spreads]).all():
            raise ValueError("a number of the content baseline is not finite")
        if not (0.0 <= self.correlation <= 1.0 and 0.0 <= self.correlation_alone <= 1.0):
            raise ValueError("a correlation of a content baseline is from 0 to 1")
        if not 0.0 <= self.most_excused < np.inf:
            raise ValueError("what a community excuses is finite and at least 0")
        if min(self.spreads) <= 0 or list(self.tokens_log2) != sorted(set(self.tokens_log2)):
            raise ValueError("a content baseline needs positive spreads and ascending knots")

    def residuals(self, scores: OwnScores) -> NDArray[np.float64]:
        """Return how many spreads each score is above human texts of that length and the community, shape (n,)."""
        medians = np.interp(scores.tokens_log2, self.tokens_log2, self.medians)
        spreads = np.interp(scores.tokens_log2, self.tokens_log2, self.spreads)
        return (scores.logits - medians) / spreads - np.nan_to_num(scores.excesses)


@dataclass(frozen=True, eq=False)
class _Community:
    """The residuals of the votes of a community."""

    votes: Votes
    ordered: NDArray[np.float64]
    """Residuals in ascending order, shape (n,)."""
    of_account: Mapping[int, float]
    for_others: float
    """The excess for accounts without a vote."""


class CommunityBaselines:
    """Returns by how much the texts of a community score above human texts of the same length."""

    def __init__(self, baseline: ContentBaseline) -> None:
        self.baseline = baseline
        self._known: dict[int, _Community] = {}

    def excess(self, community: int, votes: Votes | None, account: int) -> float:
        """Return the excess of a community as it counts for an account, in spreads; NaN with too few other accounts.

        It is the median residual of one text of each other account, shrunk towards 0, at least 0 and at most
        `most_excused`: a community lowers evidence and never raises it.
        """
        if votes is None:
            return math.nan
        known = self._known.get(community)
        if known is None or known.votes is not votes:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[community] = self._community(votes)
        own = known.of_account.get(account)
        if own is None:
            return known.for_others
        return self._excess(np.delete(known.ordered, np.searchsorted(known.ordered, own)))

    def _community(self, votes: Votes) -> _Community:
        residuals = self.baseline.residuals(votes.scores)
        ordered = np.sort(residuals)
        of_account = dict(zip(votes.accounts.tolist(), residuals.tolist(), strict=True))
        return _Community(votes, ordered, of_account, self._excess(ordered))

    def _excess(self, ordered: NDArray[np.float64]) -> float:
        n = len(ordered)
        if n < LEAST_VOTES:
            return math.nan
        median = float(ordered[(n - 1) // 2] + ordered[n // 2]) / 2
        return min(max(median * n / (n + SHRINKAGE), 0.0), self.baseline.most_excused)


def content_features(
    scores: Sequence[OwnScores], excesses: Sequence[float], baseline: ContentBaseline
) -> NDArray[np.float64]:
    """Return the content features of accounts, shape (accounts, len(CONTENT_COLUMNS)); NaN without a score.

    *excesses* are those of the communities of their posts.
    """
    counts = np.array([len(one.logits) for one in scores], dtype=np.int64)
    if not counts.any():
        return np.full((len(scores), len(CONTENT_COLUMNS)), np.nan)
    everything = OwnScores(
        np.concatenate([one.logits for one in scores]),
        np.concatenate([one.tokens_log2 for one in scores]),
        np.concatenate([one.excesses for one in scores]),
    )
    # Always of full width, so that a row does not depend on the others to the last bit.
    place = np.arange(MOST_SCORES)
    present = place < counts[:, None]
    residuals, alone = np.zeros(present.shape), np.zeros(present.shape, dtype=np.bool_)
    residuals[present], alone[present] = baseline.residuals(everything), np.isnan(everything.excesses)
    of_all = _combined(residuals, alone, present, baseline)
    of_last = _combined(residuals, alone, present & (place >= counts[:, None] - LAST_TEXTS), baseline)
    further = np.where(of_last[:, :1] > of_all[:, :1], of_last, of_all)
    found = np.column_stack([further, excesses])
    found[counts == 0] = np.nan
    return found


def _combined(
    residuals: NDArray[np.float64], alone: NDArray[np.bool_], chosen: NDArray[np.bool_], baseline: ContentBaseline
) -> NDArray[np.float64]:
    """Return evidence, mean and number of chosen texts, (accounts, texts) to (accounts, 3).

    *alone* is True for texts without a baseline of their community.
    """
    number = chosen.sum(axis=1)
    counts = np.maximum(number, 1)
    mean = np.where(chosen, residuals, 0.0).sum(axis=1) / counts
    share_alone = (alone & chosen).sum(axis=1) / counts
    correlation = baseline.correlation + share_alone * (baseline.correlation_alone - baseline.correlation)
    # The variance of a mean of n equally correlated values is (1 + (n - 1) correlation) / n.
    evidence = mean * np.sqrt(counts / (1.0 + (counts - 1) * correlation))
    return np.column_stack([evidence, mean, number])
