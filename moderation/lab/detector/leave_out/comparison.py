"""The comparison of candidates with a source or a generator left out, from data to report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.errors import InputError
from moderation.lab.detector.leave_out.candidates import REFERENCE, Candidate, check_names, parts_of
from moderation.lab.detector.leave_out.figures import Cell, Scores, cells_of, figures_within, mean_figures
from moderation.lab.detector.leave_out.folds import (
    TRAINING_ROWS_PER_STRATUM,
    Fold,
    generator_folds,
    source_folds,
)
from moderation.lab.detector.leave_out.kept_scores import FoldScores, scores_of
from moderation.lab.textdata.partition import load_training_rows

_TPR = "tpr_at_1_percent"
_FOLDS = {"source": (source_folds,), "generator": (generator_folds,), "both": (source_folds, generator_folds)}

Progress = Callable[[int, int, str, str], None]
"""Told (fits done, all, fold, candidate) before each fit."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared, and on which texts."""

    candidates: tuple[str, ...]
    leave: str
    """source, generator or both."""
    texts_per_label: int
    all_rows: bool
    """Also rows whose licence forbids weights."""
    only: tuple[str, ...] = ()
    """What is left out, by name, where not everything is to be left out in turn."""


def compare_on(
    data_dir: Path,
    plan: ComparisonPlan,
    known: Mapping[str, Candidate],
    work: Path,
    progress: Progress,
    manifest: Path | None = None,
) -> dict[str, Any]:
    """Return the report of a comparison on part A of *data_dir*; part B and text_dev are not touched.

    Raises InputError for a plan that cannot be followed, or data that are missing or other than the manifest's.
    """
    if plan.leave not in _FOLDS:
        raise InputError(f"--leave {plan.leave} is none of {', '.join(_FOLDS)}: use one of them.")
    check_names(plan.candidates, known)
    rows = load_training_rows(data_dir, manifest, all_rows=plan.all_rows)
    folds = [fold for make in _FOLDS[plan.leave] for fold in make(rows, plan.texts_per_label)]
    if unknown := set(plan.only) - {fold.left_out for fold in folds}:
        names = ", ".join(fold.left_out for fold in folds)
        raise InputError(f"--only {sorted(unknown)[0]} is nothing that is left out here: use some of {names}.")
    folds = [fold for fold in folds if not plan.only or fold.left_out in plan.only]
    return {
        "rows": "part A, of every licence: for measuring, no weights of it may be published"
        if plan.all_rows
        else "part A, without licences that forbid weights",
        "tested_texts_per_source_and_label_at_most": plan.texts_per_label,
        **compare(folds, plan.candidates, known, work, progress),
    }


def compare(
    folds: Sequence[Fold], names: Sequence[str], known: Mapping[str, Candidate], work: Path, progress: Progress
) -> dict[str, Any]:
    """Return the figures of the candidates *names* in every fold, and their means over folds of a kind.

    The baseline is always among them. Scores are kept in *work*, and those found there are not computed again.
    """
    names = list(dict.fromkeys([REFERENCE, *names]))
    singles = list(dict.fromkeys(part for name in names for part in parts_of(name)))
    entries = []
    cells_by_kind: dict[str, list[list[Cell]]] = {}
    for number, fold in enumerate(folds):
        kept: dict[str, FoldScores] = {}
        for place, single in enumerate(singles):
            progress(number * len(singles) + place, len(folds) * len(singles), fold.name, single)
            kept[single] = scores_of(fold, single, known[single], work)
        cells = cells_of(fold, {name: _scores(name, kept) for name in names})
        cells_by_kind.setdefault(fold.kind, []).append(cells)
        entries.append(
            {
                "kind": fold.kind,
                "left_out": fold.left_out,
                "training_rows": len(fold.train),
                "sources": {part.source: figures_within(part) for part in cells},
            }
        )
    return {
        "training_rows_per_source_and_label_at_most": TRAINING_ROWS_PER_STRATUM,
        "candidates": {name: _description(name, known) for name in names},
        "means": {
            kind: _with_rates(mean_figures(some, names), [entry for entry in entries if entry["kind"] == kind])
            for kind, some in cells_by_kind.items()
        },
        "folds": entries,
    }


def _scores(name: str, kept: Mapping[str, FoldScores]) -> Scores:
    """A candidate's scores; a mean reuses its parts', each brought to the scale of its training scores."""
    parts = parts_of(name)
    if len(parts) == 1:
        return kept[name].test
    mean: Scores = np.mean([kept[part].standardised() for part in parts], axis=0)
    return mean


def _description(name: str, known: Mapping[str, Candidate]) -> str:
    parts = parts_of(name)
    if len(parts) == 1:
        return known[name].description
    named = [f"{part} (which counts {times} times)" if times > 1 else part for part, times in Counter(parts).items()]
    return f"mean of the scores of {' and '.join(named)}, each in standard deviations of its training scores"


def _with_rates(means: dict[str, Any], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    for name, mean in means.items():
        by_fold = [
            [figures[name][_TPR] for figures in entry["sources"].values() if isinstance(figures[name][_TPR], float)]
            for entry in entries
        ]
        supported = [float(np.mean(rates)) for rates in by_fold if rates]
        mean[f"{_TPR}_where_supported"] = round(float(np.mean(supported)), 4) if supported else None
        mean["folds_that_support_it"] = len(supported)
    return means
