"""Computes accuracy by the length of the text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.metrics.calibration import calibration_error
from moderation.lab.metrics.intervals import resampled_weights
from moderation.lab.metrics.shares import share_of
from moderation.lab.metrics.thresholds import balanced_threshold

LENGTH_UNIT = "words between blanks of the text as posted"
_FIRST_OF_BIN = (1, 10, 20, 40, 80, 160)
# A label with fewer texts in a bin gets no figure.
_LEAST_TEXTS = 20


def by_length(scored: ScoredRows) -> dict[str, Any]:
    """Return accuracy and balanced accuracy in bins of length, over the sources that have both labels.

    One threshold for all bins: the balanced one of all these texts. The balanced accuracy, the mean of TPR and TNR,
    does not depend on the share of machine texts in a bin. Its interval is a bootstrap over groups; it reads "not
    supported" where a label has fewer than 20 texts. The calibration error of the probabilities is that at a prevalence
    of one half.
    """
    inside = np.isin(scored.sources, scored.sources_with(0, 1))
    scores, labels, groups = scored.scores[inside], scored.labels[inside], scored.groups[inside]
    lengths = np.array([len(row.text.split()) for row, keep in zip(scored.rows, inside, strict=True) if keep])
    probabilities = None if scored.probabilities is None else scored.probabilities[inside]
    threshold = balanced_threshold(scores, labels)
    right = (scores > threshold) == (labels == 1)
    which = np.searchsorted(_FIRST_OF_BIN, lengths, side="right") - 1
    bins = []
    for number, first in enumerate(_FIRST_OF_BIN):
        here = which == number
        if not here.any():
            continue
        last = _FIRST_OF_BIN[number + 1] - 1 if number + 1 < len(_FIRST_OF_BIN) else None
        share = share_of(right[here], groups[here])
        bins.append(
            {
                "words": f"{first}-{last}" if last else f"{first}+",
                "n": share["n"],
                "humans": int((labels[here] == 0).sum()),
                "machines": int((labels[here] == 1).sum()),
                "accuracy": share["share"],
                "accuracy_interval": share["interval"],
                **_balanced(right[here], labels[here], groups[here]),
                **({} if probabilities is None else _calibration(probabilities[here], labels[here])),
            }
        )
    return {"unit": LENGTH_UNIT, "balanced_threshold": round(threshold, 4), "bins": bins}


def _calibration(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Any]:
    fewest = int(min((labels == 0).sum(), (labels == 1).sum()))
    if fewest < _LEAST_TEXTS:
        return {"calibration_error": f"not supported (n={fewest})"}
    return {"calibration_error": round(calibration_error(probabilities, labels), 4)}


def _balanced(right: Any, labels: Any, groups: Any) -> dict[str, Any]:
    human, machine = labels == 0, labels == 1
    fewest = int(min(human.sum(), machine.sum()))
    if fewest < _LEAST_TEXTS:
        side = "humans" if human.sum() <= machine.sum() else "machines"
        return {"balanced_accuracy": f"not supported ({side}={fewest})"}

    def mean_of_sides(weights: Any) -> float:
        sides = [float(weights[side] @ right[side] / max(weights[side].sum(), 1e-9)) for side in (human, machine)]
        return sum(sides) / 2

    names, member = np.unique(groups, return_inverse=True)
    values = [mean_of_sides(weights) for weights in resampled_weights(member, len(names), seed=0)]
    bounds: list[float] | str = f"not supported (groups={len(names)})"
    if values:
        bounds = [round(float(bound), 4) for bound in np.quantile(values, [0.025, 0.975])]
    return {
        "balanced_accuracy": round(mean_of_sides(np.ones(len(right))), 4),
        "balanced_accuracy_interval": bounds,
    }
