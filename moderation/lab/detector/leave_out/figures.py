"""The figures of a comparison: within a fold and source, and their means with what separates two candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.lab.detector.leave_out.candidates import REFERENCE
from moderation.lab.detector.leave_out.folds import Fold
from moderation.lab.metrics.intervals import figures_of, weighted_auroc

_RESAMPLES = 500

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """The texts of one source in one fold, with every candidate's scores."""

    source: str
    labels: NDArray[np.int64]  # (texts,)
    groups: NDArray[np.str_]  # (texts,)
    scores: Mapping[str, Scores]  # by candidate, each (texts,)


def cells_of(fold: Fold, scores: Mapping[str, Scores]) -> list[Cell]:
    """Return the fold's test rows source by source: what differs between sources must not count as detection."""
    sources = np.array([row.source for row in fold.test])
    labels = np.array([row.label for row in fold.test], dtype=np.int64)
    groups = np.array([row.group for row in fold.test])
    return [
        Cell(str(source), labels[inside], groups[inside], {name: value[inside] for name, value in scores.items()})
        for source in np.unique(sources)
        if len(set(labels[inside := sources == source])) == 2
    ]


def figures_within(cell: Cell) -> dict[str, Any]:
    """Return each candidate's figures on the texts of one source in one fold."""
    return {name: figures_of(scores, cell.labels, list(cell.groups)) for name, scores in cell.scores.items()}


def mean_figures(folds: Sequence[Sequence[Cell]], names: Sequence[str], reference: str = REFERENCE) -> dict[str, Any]:
    """Return each candidate's mean AUROC over *folds*, and how far it is from *reference*'s, with 95 % intervals.

    A fold counts once, however many sources it tests. In a resample the groups of each source are drawn again, once for
    all candidates and for all folds that test the source, which share people's texts (a paired bootstrap of clusters,
    Efron & Tibshirani 1993, §8). A source of few groups makes the interval a rough one.
    """
    rng = np.random.default_rng(0)
    cells = [cell for fold in folds for cell in fold]
    sizes = [len(fold) for fold in folds]
    by_source = [[n for n, cell in enumerate(cells) if cell.source == source] for source in _sources(cells)]
    whole = _mean_aurocs(cells, [np.ones(len(cell.labels)) for cell in cells], sizes, names)
    draws: list[Scores] = []
    for _ in range(_RESAMPLES):
        weights = {
            number: drawn
            for numbers in by_source
            for number, drawn in zip(numbers, _resample([cells[n] for n in numbers], rng), strict=True)
        }
        draws.append(_mean_aurocs(cells, [weights[number] for number in range(len(cells))], sizes, names))
    resampled = np.array(draws)
    base = list(names).index(reference)
    return {
        name: {
            "auroc": round(float(whole[place]), 4),
            "auroc_interval": _interval(resampled[:, place]),
            f"auroc_minus_{reference}": round(float(whole[place] - whole[base]), 4),
            f"auroc_minus_{reference}_interval": _interval(resampled[:, place] - resampled[:, base]),
        }
        for place, name in enumerate(names)
    }


def _sources(cells: Sequence[Cell]) -> list[str]:
    return sorted({cell.source for cell in cells})


def _mean_aurocs(
    cells: Sequence[Cell], weights: Sequence[Scores], sizes: Sequence[int], names: Sequence[str]
) -> Scores:
    """Mean AUROC per candidate, (candidates,), over folds of so many cells each as *sizes* says."""
    aurocs = np.array(
        [
            [weighted_auroc(cell.scores[name], cell.labels, counts) for name in names]
            for cell, counts in zip(cells, weights, strict=True)
        ]
    )
    by_fold = [part.mean(axis=0) for part in np.split(aurocs, np.cumsum(sizes)[:-1])]
    means: Scores = np.mean(by_fold, axis=0)
    return means


def _resample(cells: Sequence[Cell], rng: np.random.Generator) -> list[Scores]:
    """How often each text of a source's cells is drawn when its groups are; again until both labels are in each."""
    names = np.unique(np.concatenate([cell.groups for cell in cells]))
    while True:
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names))).astype(np.float64)
        drawn = [counts[np.searchsorted(names, cell.groups)] for cell in cells]
        if all(
            weights[cell.labels == label].any() for cell, weights in zip(cells, drawn, strict=True) for label in (0, 1)
        ):
            return drawn


def _interval(values: Scores) -> list[float]:
    return [round(float(bound), 4) for bound in np.quantile(values, [0.025, 0.975])]
