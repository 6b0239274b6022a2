"""The candidate that knows no words: how expected a text was to a language model that was trained on no label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from moderation.detector.companion import FEATURES, Companion, load_companion
from moderation.errors import InputError
from moderation.training.detector.figures import auroc
from moderation.training.detector.leave_out.candidates import Scorer, parts_of
from moderation.training.detector.leave_out.kept_features import KeptFeatures
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import sample_per_stratum

ZERO_SHOT = "zero-shot"
_ROWS_PER_STRATUM = 60
_C = 0.1
_MOST_ITERATIONS = 1000


class ZeroShot:
    """A logistic regression on the companion's figures; *kept* is the folder in which these stay."""

    def __init__(self, bundle: Path, kept: Path, threads: int | None = None) -> None:
        self._bundle = bundle
        self._kept = kept
        self._threads = threads

    @cached_property
    def description(self) -> str:
        """The companion, by its manifest, and the model on top of it."""
        return (
            f"{', '.join(FEATURES)} of companion {self._companion.manifest_hash[:12]}, standardised, with their "
            "squares where these are better when a source of the rows trained on is left out, logistic regression "
            f"(C {_C}) on at most {_ROWS_PER_STRATUM} rows of each source and label, which count alike"
        )

    def fit(self, rows: Sequence[TextRow], _folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*; a text of which the companion says nothing gets 0, even odds.

        Raises InputError when texts of one label alone are long enough for it.
        """
        chosen = sample_per_stratum(rows, _ROWS_PER_STRATUM)
        features = self._features.of([row.text for row in chosen])
        model = fit_zero_shot(chosen, features)

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            return model(self._features.of(texts))

        return score

    @cached_property
    def _companion(self) -> Companion:
        return load_companion(self._bundle, self._threads)

    @cached_property
    def _features(self) -> KeptFeatures:
        return KeptFeatures(self._companion, self._kept)


def fit_zero_shot(
    rows: Sequence[TextRow], features: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return what scores figures of shape (texts, FEATURES), fitted on those of *rows*; NaN scores 0.

    A text has all figures or none, so those without are left out of the fit instead of being filled in. Whether squares
    of the figures count too is decided by leaving out each source of *rows* that has both labels.
    """
    seen = np.asarray(np.isfinite(features).all(axis=1), dtype=np.bool_)
    used = [row for row, inside in zip(rows, seen, strict=True) if inside]
    if {row.label for row in used} != {0, 1}:
        raise InputError("The companion reads texts of one label alone in these rows; use data with longer texts.")
    model = _fitted(used, features[seen], squares=_squares_help(used, features[seen]))

    def score(some: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.zeros(len(some))
        known = np.isfinite(some).all(axis=1)
        if known.any():
            found[known] = model.decision_function(some[known])
        return found

    return score


def _fitted(rows: Sequence[TextRow], features: NDArray[np.float64], *, squares: bool) -> Pipeline:
    shape = FunctionTransformer(_with_squares if squares else None)
    model = make_pipeline(StandardScaler(), shape, LogisticRegression(C=_C, max_iter=_MOST_ITERATIONS))
    weights = _alike(rows)
    labels = np.array([row.label for row in rows], dtype=np.int64)
    model.fit(features, labels, standardscaler__sample_weight=weights, logisticregression__sample_weight=weights)
    return model


def _with_squares(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far from usual a text is counts too: some generators write less expectedly than people (decision 0603)."""
    return np.hstack([figures, figures**2])


def _squares_help(rows: Sequence[TextRow], features: NDArray[np.float64]) -> bool:
    """Whether the mean AUROC is higher with squares where a source with both labels is left out in turn."""
    gains = []
    sources = np.array([row.source for row in rows])
    labels = np.array([row.label for row in rows], dtype=np.int64)
    for source in np.unique(sources):
        inside = sources == source
        rest = [row for row, left_out in zip(rows, inside, strict=True) if not left_out]
        if len(set(labels[inside])) < 2 or len({row.label for row in rest}) < 2:
            continue
        figures = []
        for squares in (True, False):
            scores = _fitted(rest, features[~inside], squares=squares).decision_function(features[inside])
            figures.append(auroc(scores[labels[inside] == 0], scores[labels[inside] == 1]))
        gains.append(figures[0] - figures[1])
    return float(np.mean(gains)) > 0 if gains else False


def _alike(rows: Sequence[TextRow]) -> NDArray[np.float64]:
    """Weights with mean 1 by which the labels count alike, and within a label its sources."""
    strata = Counter((row.source, row.label) for row in rows)
    sources = Counter(label for _, label in strata)
    weights = np.array([1 / (strata[row.source, row.label] * sources[row.label]) for row in rows])
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def check_companion(names: Sequence[str], bundle: Path | None) -> None:
    """Raise InputError when zero-shot is asked for and no companion is given."""
    if bundle is None and any(ZERO_SHOT in parts_of(name) for name in names):
        raise InputError(f"The candidate {ZERO_SHOT} needs a language model: give its bundle with --companion DIR.")
