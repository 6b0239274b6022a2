"""Whether a companion's figures tell more than a detector's score alone, on texts that no training step saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.errors import InputError
from moderation.training.detector.leave_out.figures import Cell, figures_within, mean_figures
from moderation.training.detector.partition import keyed_fraction
from moderation.training.detector.rows import TextRow
from moderation.training.detector.zero_shot_fit import fit_zero_shot

DETECTOR = "detector"
_FITS = 5

Scores = NDArray[np.float64]


def of_both_labels(rows: Sequence[TextRow]) -> list[TextRow]:
    """Return the rows of sources with both labels. Raises InputError when there are none."""
    known = {(row.source, row.label) for row in rows}
    found = [row for row in rows if (row.source, 1 - row.label) in known]
    if not found:
        raise InputError("No source of the texts has both labels, which a figure within sources needs; use others.")
    return found


def beside_detector(rows: Sequence[TextRow], logits: Scores, features: Scores) -> dict[str, Any]:
    """Return the AUROC within each source of *rows* with both labels, and the means with their intervals.

    *logits* of shape (rows,) are the detector's, *features* of shape (rows, FEATURES) the companion's; a row on which
    either abstains, NaN, is left out. Compared are ``detector``; ``zero-shot``, the regression of the figures alone;
    and ``detector+zero-shot``, the mean of both in standard deviations, without the limits of a joined bundle. What is
    fitted is fitted on four fifths of the groups and scores the fifth. Intervals and differences are over resampled
    groups. Raises InputError when no source has both labels, or a fit one alone.
    """
    seen = np.isfinite(logits) & np.isfinite(features).all(axis=1)
    used = of_both_labels([row for row, read in zip(rows, seen, strict=True) if read])
    sources = np.array([row.source for row in used])
    inside = seen & np.isin([row.source for row in rows], sources)
    logits, features = logits[inside], features[inside]
    scores = {
        DETECTOR: logits,
        "zero-shot": _by_group(used, features, lambda found, _scale, _test: found),
        f"{DETECTOR}+zero-shot": _by_group(used, features, _mean_with(logits)),
    }
    labels = np.array([row.label for row in used], dtype=np.int64)
    groups = np.array([row.group or f"alone/{number}" for number, row in enumerate(used)])
    cells = [
        Cell(str(source), labels[of], groups[of], {name: value[of] for name, value in scores.items()})
        for source in np.unique(sources)
        for of in [sources == source]
    ]
    return {
        "texts": len(used),
        "left_out_because_one_abstains": int((~seen).sum()),
        "sources": {cell.source: figures_within(cell) for cell in cells},
        "means": mean_figures([cells], list(scores), DETECTOR),
    }


def _mean_with(logits: Scores) -> Callable[[Scores, Scores, NDArray[np.bool_]], Scores]:
    """The mean of a fit's scores and *logits*, each in standard deviations of the texts that were fitted."""

    def mean(found: Scores, scale: Scores, test: NDArray[np.bool_]) -> Scores:
        ours = (found - scale.mean()) / (scale.std() or 1.0)
        theirs = (logits[test] - logits[~test].mean()) / (logits[~test].std() or 1.0)
        return np.asarray((ours + theirs) / 2, dtype=np.float64)

    return mean


def _by_group(
    rows: Sequence[TextRow], features: Scores, finish: Callable[[Scores, Scores, NDArray[np.bool_]], Scores]
) -> Scores:
    """Score each fifth of the groups by a fit on the others; *finish* gets its scores, the fitted texts', and which."""
    fifth = np.array([int(keyed_fraction(row.group or row.id, "beside") * _FITS) for row in rows])
    scores = np.empty(len(rows))
    for number in np.unique(fifth):
        test = fifth == number
        fitted = [row for row, out in zip(rows, test, strict=True) if not out]
        rule = fit_zero_shot(fitted, features[~test], "four fifths of the groups")
        scores[test] = finish(rule.values(features[test]), rule.values(features[~test]), test)
    return scores
