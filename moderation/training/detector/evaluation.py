"""The evaluation of a bundle on text_dev, beside the baseline trained on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.detector import Detector
from moderation.training.detector.baseline import baseline_scores
from moderation.training.detector.intervals import figures_of, weighted_auroc
from moderation.training.detector.near_duplicates import band_keys
from moderation.training.detector.partition import load_partition, with_clusters
from moderation.training.detector.rows import TextRow, read_rows

_TEXTS_IN_A_CALL = 256
_POOL_THRESHOLD_FPR = 0.01


def evaluate(
    data_dir: Path, detector: Detector, progress: Callable[[int, int], None], manifest: Path | None = None
) -> dict[str, Any]:
    """Return the figures of *detector* and of the baseline on the licence-filtered rows of text_dev.

    Texts on which the detector abstains are left out for both, and counted. *progress* is told (done, all).
    Raises InputError for data that are missing or other than the manifest's.
    """
    rows = list(read_rows(data_dir, "text_dev", manifest))
    rows = with_clusters(rows, [band_keys(row.text) for row in rows])
    logits = _logits(detector, rows, progress)
    kept = ~np.isnan(logits)
    answered = [row for row, keep in zip(rows, kept, strict=True) if keep]
    baseline = baseline_scores(load_partition(data_dir, "A", manifest), [row.text for row in answered])
    return {
        "manifest_sha256": detector.manifest_hash,
        "detector": detector.describe(),
        "rows": len(rows),
        "abstained": int((~kept).sum()),
        "results": {
            "detector": _results(answered, logits[kept]),
            "baseline: word 1-2-gram TF-IDF with logistic regression": _results(answered, baseline),
        },
    }


def _logits(detector: Detector, rows: Sequence[TextRow], progress: Callable[[int, int], None]) -> NDArray[np.float64]:
    values: list[float] = []
    for begin in range(0, len(rows), _TEXTS_IN_A_CALL):
        scores = detector.score([row.text for row in rows[begin : begin + _TEXTS_IN_A_CALL]])
        values.extend(score.logit for score in scores)
        progress(len(values), len(rows))
    return np.array(values)


def _results(rows: Sequence[TextRow], scores: NDArray[np.float64]) -> dict[str, Any]:
    sources = np.array([row.source for row in rows])
    labels = np.array([row.label for row in rows], dtype=np.int64)
    groups = np.array([row.group for row in rows])
    within = {}
    for source in sorted(set(sources)):
        inside = sources == source
        if len(set(labels[inside])) == 2:
            within[str(source)] = figures_of(scores[inside], labels[inside], list(groups[inside]))
    supported = [figures["tpr_at_1_percent"] for figures in within.values()]
    supported = [value for value in supported if not isinstance(value, str)]
    threshold = float(np.quantile(scores[labels == 0], 1 - _POOL_THRESHOLD_FPR))
    pools = {
        str(source): {"n": int(pool.sum()), "fpr": round(float((scores[pool] > threshold).mean()), 4)}
        for source in sorted(set(sources))
        if (pool := (sources == source) & (labels == 0)).any()
    }
    return {
        "within_source": within,
        "mean_within_source_auroc": round(float(np.mean([figures["auroc"] for figures in within.values()])), 4),
        "mean_tpr_at_1_percent_where_supported": round(float(np.mean(supported)), 4) if supported else None,
        "all_rows_auroc": round(weighted_auroc(scores, labels, np.ones(len(scores))), 4),
        "fpr_by_human_pool_at_one_threshold_for_1_percent_of_all_humans": pools,
    }
