"""Computes the AUROC with equal weights of sources, over all texts and within sources, with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from export.labelled_texts import LabelledText
from moderation.lab.metrics.intervals import resampled_weights, weighted_auroc

_LEAST_OF_A_SOURCE = 20
Scores = NDArray[np.floating]


def balanced_auroc(scores: Scores, texts: Sequence[LabelledText]) -> float | None:
    """Return the AUROC of *scores*, shape (texts,); ties count half. None where a label has no text.

    For each label all sources with at least 20 texts of it have equal weight and the others are excluded; where no
    source has that many, all texts have equal weight.
    """
    return _auroc(scores, texts, *_strata(texts), np.ones(len(texts)))


def within_source_auroc(
    scores: Scores, texts: Sequence[LabelledText], seed: int = 0
) -> tuple[float | None, tuple[float, float] | None]:
    """Return the mean of the within-source AUROCs, and its 95 % interval by a bootstrap over groups.

    Sources with fewer than 20 texts of a label are excluded; without any other source it is `balanced_auroc`, which
    also rewards a difference between sources. There is no interval for fewer than 20 groups.
    """
    names = [entry.group or f"\0{number}" for number, entry in enumerate(texts)]
    _, member = np.unique(np.array(names), return_inverse=True)
    labels, stratum = _strata(texts)
    sources = np.array([entry.source for entry in texts], dtype=object)
    sizes = {name: np.bincount(labels[sources == name], minlength=2).min() for name in sorted(set(sources))}
    inside = [sources == name for name, size in sizes.items() if size >= _LEAST_OF_A_SOURCE]

    def figure(counts: Scores) -> float | None:
        if not inside:
            return _auroc(scores, texts, labels, stratum, counts)
        found = [weighted_auroc(scores[mask], labels[mask], counts[mask]) for mask in inside]
        return None if np.isnan(found).all() else float(np.nanmean(found))

    resampled = (figure(weights) for weights in resampled_weights(member, len(set(names)), seed))
    values = [value for value in resampled if value is not None]
    if not values:
        return figure(np.ones(len(texts))), None
    low, high = np.quantile(values, [0.025, 0.975])
    return figure(np.ones(len(texts))), (float(low), float(high))


def _auroc(
    scores: Scores, texts: Sequence[LabelledText], labels: NDArray[np.int64], stratum: NDArray[np.intp], counts: Scores
) -> float | None:
    if not len(texts):
        return None
    totals = np.bincount(stratum, counts)
    weights = np.divide(counts, totals[stratum], out=np.zeros(len(texts)), where=totals[stratum] > 0)
    weights[stratum == 0] = 0.0
    value = weighted_auroc(scores, labels, weights)
    return None if np.isnan(value) else value


def _strata(texts: Sequence[LabelledText]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the label of each text and the number of its source and label; 0 for excluded texts."""
    labels = np.array([entry.label for entry in texts], dtype=np.int64)
    stratum = np.zeros(len(texts), dtype=np.intp)
    names = np.array([entry.source for entry in texts], dtype=object)
    number = 0
    for label in (0, 1):
        sizes = {name: int(((names == name) & (labels == label)).sum()) for name in sorted(set(names[labels == label]))}
        large = [name for name, size in sizes.items() if size >= _LEAST_OF_A_SOURCE]
        for name in large:
            number += 1
            stratum[(names == name) & (labels == label)] = number
        if not large:
            number += 1
            stratum[labels == label] = number
    return labels, stratum
