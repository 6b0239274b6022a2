"""The candidate that knows no words: how expected a text was to a language model that was trained on no label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.detector.companion import Companion
from moderation.detector.joined.rule import WEIGHED, BoundedSpread
from moderation.training.detector.kept_features import KeptFeatures
from moderation.training.detector.leave_out.candidates import Scorer
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import sample_per_stratum
from moderation.training.detector.zero_shot_fit import (
    MOST_DEVIATIONS,
    NOISE_TOKENS,
    PEOPLE_NOT_HEARD,
    ROWS_PER_STRATUM,
    C,
    fit_zero_shot,
    heard_figures,
    least_characters_per_token,
)

ZERO_SHOT = "zero-shot"
COMPANION = "companion"


class ZeroShot:
    """A logistic regression on the companion's figures; *kept* is the folder in which these stay."""

    def __init__(self, companion: Companion, kept: Path) -> None:
        self._companion = companion
        self._kept = kept

    @property
    def description(self) -> str:
        """The companion, by its manifest, and the model on top of it."""
        return (
            f"{', '.join(WEIGHED)} of companion {self._companion.manifest_hash[:12]}, without what a text repeats, "
            f"standardised, chance spreading as much as writers at {NOISE_TOKENS} tokens, with their squares, "
            f"logistic regression (C {C}) on at most {ROWS_PER_STRATUM} rows of each source and label, which count "
            "alike"
        )

    @property
    def training(self) -> str:
        """All of it."""
        return self.description

    def fit(self, rows: Sequence[TextRow], _folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*; a text of which the companion says nothing gets 0, even odds.

        Raises InputError when texts of one label alone are long enough for it.
        """
        chosen = sample_per_stratum(rows, ROWS_PER_STRATUM)
        features = self._features.of([row.text for row in chosen])
        rule = fit_zero_shot(chosen, features, "the rows of a fold")

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            return np.nan_to_num(rule.values(self._features.of(texts)), nan=0.0)

        return score

    def heard(self) -> HeardCompanion:
        """Return the candidate that is this one as a joined bundle hears it."""
        return HeardCompanion(self._companion, self._kept)

    @cached_property
    def _features(self) -> KeptFeatures:
        return KeptFeatures(self._companion, self._kept)


class HeardCompanion(ZeroShot):
    """The same as a joined bundle hears it: bounded, raising no unexpected text, silent on what falls into pieces."""

    @property
    def description(self) -> str:
        """What it is without that, and the limits."""
        return (
            f"{super().description}; within {MOST_DEVIATIONS} standard deviations of their scores, at most the mean "
            "for texts less expected than these rows, the mean where tokens are shorter than in the texts of "
            f"{PEOPLE_NOT_HEARD:.0%} of people"
        )

    def fit(self, rows: Sequence[TextRow], _folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*, in standard deviations; a text on which it is not heard gets 0.

        Raises InputError when texts of one label alone are long enough for it.
        """
        chosen = sample_per_stratum(rows, ROWS_PER_STRATUM)
        least = least_characters_per_token(chosen, self._features)
        figures = heard_figures([row.text for row in chosen], self._features, least)
        rule = fit_zero_shot(chosen, figures, "the rows of a fold")
        values = rule.values(figures)
        spread = BoundedSpread(
            mean=float(np.nanmean(values)),
            sd=float(np.nanstd(values)),
            measured_on=rule.fitted_on,
            bound=MOST_DEVIATIONS,
        )

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            counting = rule.values_that_count(heard_figures(texts, self._features, least), spread.mean)
            return np.array([0.0 if np.isnan(value) else spread.standardised(value) for value in counting.tolist()])

        return score
