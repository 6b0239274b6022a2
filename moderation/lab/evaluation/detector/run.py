"""The evaluation of a bundle on text_dev, beside the baseline trained on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moderation.detector import Detector
from moderation.errors import InputError
from moderation.lab.detector.baseline import baseline_scores
from moderation.lab.evaluation.detector.benign import benign_table, honest_texts
from moderation.lab.evaluation.detector.by_length import by_length
from moderation.lab.evaluation.detector.pools import human_pools, pooled_threshold, worst_pool
from moderation.lab.evaluation.detector.robustness import attack_table, attacked_texts
from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.evaluation.detector.scoring import Progress, score_once
from moderation.lab.evaluation.detector.transfer import transfer_matrix
from moderation.lab.evaluation.detector.within_source import low_fpr_roc, supports_one_percent, within_source
from moderation.lab.metrics.intervals import weighted_auroc
from moderation.lab.metrics.shares import INTERVAL_METHOD
from moderation.lab.textdata.manifest import read_data_manifest
from moderation.lab.textdata.near_duplicates import band_keys
from moderation.lab.textdata.partition import load_training_rows, with_clusters
from moderation.lab.textdata.rows import TextRow, read_rows

BASELINE = "baseline: word 1-2-gram TF-IDF with logistic regression"


def evaluate(
    data_dir: Path,
    detector: Detector,
    progress: Progress,
    manifest: Path | None = None,
    *,
    attack_texts: int = 150,
    seed: int = 0,
    all_rows: bool = False,
) -> dict[str, Any]:
    """Return the figures of *detector* and of the baseline on the licence-filtered rows of text_dev.

    With *all_rows* the others are read too, and the baseline is fitted with those of part A.
    Texts on which the detector abstains are left out for both, and counted. At most *attack_texts* texts of a source
    are attacked, and as many changed as honest writers do; *seed* chooses them. *progress* is told (done, all) of the
    distinct texts to score. Raises InputError for data that are missing, other than the manifest's, without a source of
    both labels in text_dev, or without texts of both to fit the baseline on.
    """
    listed = read_data_manifest(manifest)
    rows = list(read_rows(data_dir, "dev", listed, all_licences=all_rows))
    rows = with_clusters(rows, [band_keys(row.text) for row in rows], listed)
    _refuse_lone_labels(rows, data_dir)
    # Everything that is read is read before the scoring, which can take hours and would be for nothing.
    training = load_training_rows(data_dir, manifest, all_rows=all_rows)
    if {row.label for row in training} != {0, 1}:
        raise InputError(
            f"Part A of text_train in {data_dir}, on which the baseline is fitted, has no texts of both labels; name "
            "the folder with all rows."
        )
    attacked, honest = attacked_texts(rows, attack_texts, seed), honest_texts(rows, attack_texts, seed)
    logits = score_once(detector, [*(row.text for row in rows), *attacked.texts(), *honest.texts()], progress)
    scores = logits.of([row.text for row in rows])
    kept = ~np.isnan(scores)
    scored = ScoredRows([row for row, keep in zip(rows, kept, strict=True) if keep], scores[kept])
    _refuse_lone_labels(scored.rows, data_dir)
    of_baseline = ScoredRows(scored.rows, baseline_scores(training, [row.text for row in scored.rows]))
    results = {"detector": _results(scored), BASELINE: _results(of_baseline)}
    figures = results["detector"]["within_source"]
    supporting = [source for source in figures if supports_one_percent(figures[source])]
    return {
        "manifest_sha256": detector.manifest_hash,
        "detector": detector.describe(),
        "licences": "all" if all_rows else "those that permit weights",
        "rows": len(rows),
        "abstained": int((~kept).sum()),
        "seed": seed,
        "attack_texts": attack_texts,
        "intervals_of_shares": INTERVAL_METHOD,
        "results": results,
        "roc_at_low_fpr": low_fpr_roc(scored),
        "by_length": by_length(scored),
        "attacks": attack_table(attacked, logits, scored, supporting),
        "benign": benign_table(honest, logits, pooled_threshold(scored)),
        "transfer": transfer_matrix(training, scored.rows, seed),
    }


def _refuse_lone_labels(rows: Sequence[TextRow], data_dir: Path) -> None:
    there = {(row.source, row.label) for row in rows}
    if not any((source, 1 - label) in there for source, label in there):
        raise InputError(
            f"No source of text_dev in {data_dir} has texts of both labels; name the folder with all rows."
        )


def _results(scored: ScoredRows) -> dict[str, Any]:
    within = within_source(scored)
    supported = [figures["tpr_at_1_percent"] for figures in within.values() if supports_one_percent(figures)]
    threshold = pooled_threshold(scored)
    pools = human_pools(scored, threshold)
    return {
        "within_source": within,
        "mean_within_source_auroc": round(float(np.mean([figures["auroc"] for figures in within.values()])), 4),
        "mean_tpr_at_1_percent_where_supported": round(float(np.mean(supported)), 4) if supported else None,
        "all_rows_auroc": round(weighted_auroc(scored.scores, scored.labels, np.ones(len(scored.scores))), 4),
        "threshold_for_1_percent_of_all_humans": round(threshold, 4),
        "fpr_by_human_pool_at_one_threshold_for_1_percent_of_all_humans": pools,
        "worst_pool": worst_pool(pools),
    }
