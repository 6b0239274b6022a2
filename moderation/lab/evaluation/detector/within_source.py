"""AUROC and TPR within each source, where knowing the source does not help."""

from __future__ import annotations

from typing import Any

import numpy as np

from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.metrics.intervals import LEAST_EXPECTED_ABOVE, figures_of
from moderation.lab.metrics.thresholds import threshold_at

_ROC_FPRS = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7)


def within_source(scored: ScoredRows) -> dict[str, dict[str, Any]]:
    """Return for each source with both labels the figures of `figures_of`."""
    found = {}
    for source in scored.sources_with(0, 1):
        inside = scored.sources == source
        found[source] = figures_of(scored.scores[inside], scored.labels[inside], list(scored.groups[inside]))
    return found


def supports_one_percent(figures: dict[str, Any]) -> bool:
    """Say whether a source has enough human texts for a threshold at 1 % FPR."""
    return not isinstance(figures["tpr_at_1_percent"], str)


def low_fpr_roc(scored: ScoredRows) -> dict[str, dict[str, list[float]]]:
    """Return for each source with both labels the TPR at those FPRs that its humans support."""
    curves = {}
    for source in scored.sources_with(0, 1):
        humans, machines = scored.scores_of(source, 0), scored.scores_of(source, 1)
        rates = [rate for rate in _ROC_FPRS if rate * len(humans) >= LEAST_EXPECTED_ABOVE]
        tprs = [round(float(np.mean(machines > threshold_at(humans, rate))), 4) for rate in rates]
        curves[source] = {"fpr": rates, "tpr": tprs}
    return curves
