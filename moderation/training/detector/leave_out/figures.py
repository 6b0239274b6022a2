"""The figures of a comparison: within a fold and source, and their means with what separates two candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.training.detector.intervals import figures_of, weighted_auroc
from moderation.training.detector.leave_out.candidates import REFERENCE
from moderation.training.detector.leave_out.folds import Fold

_RESAMPLES = 500

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Tested:
    """The texts of one source in one fold, with every candidate's scores."""

    source: str
    labels: NDArray[np.int64]  # (texts,)
    groups: NDArray[np.str_]  # (texts,)
    scores: Mapping[str, Scores]  # by candidate, each (texts,)


def tested_sources(fold: Fold, scores: Mapping[str, Scores]) -> list[Tested]:
    """Return the fold's test rows source by source: what differs between sources must not count as detection."""
    sources = np.array([row.source for row in fold.test])
    labels = np.array([row.label for row in fold.test], dtype=np.int64)
    groups = np.array([row.group for row in fold.test])
    return [
        Tested(str(source), labels[inside], groups[inside], {name: value[inside] for name, value in scores.items()})
        for source in np.unique(sources)
        if len(set(labels[inside := sources == source])) == 2
    ]


def figures_within(tested: Tested) -> dict[str, Any]:
    """Return each candidate's figures on the texts of one source in one fold."""
    return {name: figures_of(scores, tested.labels, list(tested.groups)) for name, scores in tested.scores.items()}


def mean_figures(folds: Sequence[Sequence[Tested]], names: Sequence[str]) -> dict[str, Any]:
    """Return each candidate's mean AUROC over *folds*, and how far it is from the baseline's, with 95 % intervals.

    A fold counts once, however many sources it tests. In a resample the groups of every source and fold are drawn anew,
    the same for all candidates (Efron & Tibshirani 1993, §8: a paired bootstrap of clusters).
    """
    rng = np.random.default_rng(0)
    whole = _mean_aurocs([[(tested, np.ones(len(tested.labels))) for tested in fold] for fold in folds], names)
    resampled = np.array(
        [
            _mean_aurocs([[(tested, _resample(tested, rng)) for tested in fold] for fold in folds], names)
            for _ in range(_RESAMPLES)
        ]
    )
    reference = list(names).index(REFERENCE)
    return {
        name: {
            "auroc": round(float(whole[place]), 4),
            "auroc_interval": _interval(resampled[:, place]),
            f"auroc_minus_{REFERENCE}": round(float(whole[place] - whole[reference]), 4),
            f"auroc_minus_{REFERENCE}_interval": _interval(resampled[:, place] - resampled[:, reference]),
        }
        for place, name in enumerate(names)
    }


def _mean_aurocs(folds: Sequence[Sequence[tuple[Tested, Scores]]], names: Sequence[str]) -> Scores:
    """Mean AUROC per candidate, (candidates,)."""
    by_fold = [
        np.mean(
            [
                [weighted_auroc(tested.scores[name], tested.labels, weights) for name in names]
                for tested, weights in fold
            ],
            axis=0,
        )
        for fold in folds
    ]
    means: Scores = np.mean(by_fold, axis=0)
    return means


def _resample(tested: Tested, rng: np.random.Generator) -> Scores:
    """How often each text is drawn when groups are; drawn again until both labels are there (few groups)."""
    names, member = np.unique(tested.groups, return_inverse=True)
    while True:
        weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))[member].astype(np.float64)
        if all(weights[tested.labels == label].any() for label in (0, 1)):
            return weights


def _interval(values: Scores) -> list[float]:
    return [round(float(bound), 4) for bound in np.quantile(values, [0.025, 0.975])]
