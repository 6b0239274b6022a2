"""The AUROC in which every source counts alike on either side, and its interval over groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from export.labelled_texts import LabelledText
from moderation.training.detector.intervals import resampled_weights, weighted_auroc

_LEAST_OF_A_SOURCE = 20
Scores = NDArray[np.floating]


def balanced_auroc(scores: Scores, texts: Sequence[LabelledText]) -> float | None:
    """Return the AUROC of *scores*, shape (texts,), ties counting half; None where a side has no text.

    On each side every source of at least 20 texts of that side weighs alike and the others nothing; where no source has
    that many, all texts weigh alike.
    """
    return _auroc(scores, texts, *_strata(texts), np.ones(len(texts)))


def auroc_interval(scores: Scores, texts: Sequence[LabelledText], seed: int = 0) -> tuple[float, float] | None:
    """Return the 95 % interval of `balanced_auroc`: bootstrap over whole groups; None where there are fewer than 20."""
    names = [entry.group or f"\0{number}" for number, entry in enumerate(texts)]
    _, member = np.unique(np.array(names), return_inverse=True)
    labels, stratum = _strata(texts)
    resampled = resampled_weights(member, len(set(names)), seed)
    found = [_auroc(scores, texts, labels, stratum, weights) for weights in resampled]
    values = [value for value in found if value is not None]
    if not values:
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


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
    """Return the label of each text and the number of its source on its side; 0 for texts that do not count."""
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
