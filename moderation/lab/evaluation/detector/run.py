"""Evaluates a bundle on the dev files, and a baseline trained on the permitted rows of part A."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.detector import Detector
from moderation.errors import InputError
from moderation.lab.detector.baseline import baseline_scores
from moderation.lab.evaluation.detector.benign import HonestTexts, benign_table, honest_texts
from moderation.lab.evaluation.detector.by_length import by_length
from moderation.lab.evaluation.detector.machines import machines_table
from moderation.lab.evaluation.detector.markup import MarkedTexts, marked_texts, markup_table
from moderation.lab.evaluation.detector.people import people_table
from moderation.lab.evaluation.detector.pools import human_pools, pooled_threshold, worst_pool
from moderation.lab.evaluation.detector.robustness import AttackedTexts, attack_table, attacked_texts
from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.evaluation.detector.scoring import Logits, Progress, score_once
from moderation.lab.evaluation.detector.within_source import low_fpr_roc, supports_one_percent, within_source
from moderation.lab.metrics.intervals import weighted_auroc
from moderation.lab.metrics.shares import INTERVAL_METHOD
from moderation.lab.textdata.manifest import read_data_manifest
from moderation.lab.textdata.partition import load_training_rows, with_clusters
from moderation.lab.textdata.rows import TextRow, read_rows
from moderation.lab.textdata.slices import sample_per_stratum
from moderation.text.bands import band_keys

_BASELINE_ROWS = 2000
"""Rows of each source and label that the baseline is trained on at most."""
BASELINE = "baseline: word 1-2-gram TF-IDF with logistic regression"


@dataclass(frozen=True)
class EvaluationPlan:
    """Numbers of texts to score and to change."""

    texts_per_stratum: int = 600
    """Maximum number of texts of each source and label."""
    changed_texts: int = 20
    """Maximum number of texts of a source that are attacked, and that get a benign change."""
    seed: int = 0


def evaluate(
    data_dir: Path,
    detector: Detector,
    progress: Progress,
    manifest: Path | None = None,
    plan: EvaluationPlan = EvaluationPlan(),  # frozen
) -> dict[str, Any]:
    """Return the figures of *detector* and of the baseline on the rows of the dev files, of every licence.

    The baseline is trained on the rows of part A whose licence permits published weights. Texts on which the detector
    abstains are excluded for both, and counted. *progress* is called with (done, all) of the distinct texts to score.
    Raises InputError for data that are missing, that differ from the manifest, or that lack a label in every dev
    source or in part A.
    """
    listed = read_data_manifest(manifest)
    everything = list(read_rows(data_dir, "dev", listed, all_licences=True))
    everything = with_clusters(everything, [band_keys(row.text) for row in everything], listed)
    rows = sample_per_stratum(everything, plan.texts_per_stratum, "evaluate")
    _refuse_lone_labels(rows, data_dir)
    # All data are read before the scoring, which takes minutes to hours.
    training = sample_per_stratum(load_training_rows(data_dir, manifest), _BASELINE_ROWS, "baseline")
    if {row.label for row in training} != {0, 1}:
        raise InputError(
            f"Part A of the training files in {data_dir}, which the baseline is fitted on, has rows of one label only; "
            "name the directory with all rows."
        )
    changed = _ChangedTexts.of(rows, plan)
    logits = score_once(detector, [*(row.text for row in rows), *changed.texts()], progress)
    scores = logits.of([row.text for row in rows])
    kept = ~np.isnan(scores)
    probabilities = logits.probabilities([row.text for row in rows])[kept]
    scored = ScoredRows([row for row, keep in zip(rows, kept, strict=True) if keep], scores[kept], probabilities)
    _refuse_lone_labels(scored.rows, data_dir)
    of_baseline = ScoredRows(scored.rows, baseline_scores(training, [row.text for row in scored.rows]))
    people = people_table(scored)
    return {
        "manifest_sha256": detector.manifest_hash,
        "detector": detector.describe(),
        "rows": len(rows),
        "abstained": int((~kept).sum()),
        "plan": asdict(plan),
        "intervals_of_shares": INTERVAL_METHOD,
        "people": people,
        "machines": machines_table(scored, people["thresholds"]),
        "results": {"detector": _results(scored), BASELINE: _results(of_baseline)},
        "roc_at_low_fpr": low_fpr_roc(scored),
        "by_length": by_length(scored),
        **changed.tables(logits, scored),
    }


@dataclass(frozen=True)
class _ChangedTexts:
    """The texts of the tables that compare texts before and after a change."""

    attacked: AttackedTexts
    honest: HonestTexts
    marked: MarkedTexts

    @classmethod
    def of(cls, rows: Sequence[TextRow], plan: EvaluationPlan) -> _ChangedTexts:
        limit, seed = plan.changed_texts, plan.seed
        return cls(attacked_texts(rows, limit, seed), honest_texts(rows, limit, seed), marked_texts(rows, limit, seed))

    def texts(self) -> Iterator[str]:
        yield from self.attacked.texts()
        yield from self.honest.texts()
        yield from self.marked.texts()

    def tables(self, logits: Logits, scored: ScoredRows) -> dict[str, Any]:
        within = within_source(scored)
        supporting = [source for source, figures in within.items() if supports_one_percent(figures)]
        return {
            "attacks": attack_table(self.attacked, logits, scored, supporting),
            "benign": benign_table(self.honest, logits, pooled_threshold(scored)),
            "markup": markup_table(self.marked, logits),
        }


def _refuse_lone_labels(rows: Sequence[TextRow], data_dir: Path) -> None:
    there = {(row.source, row.label) for row in rows}
    if not any((source, 1 - label) in there for source, label in there):
        raise InputError(
            f"No source of the dev files in {data_dir} has texts of both labels; name the directory with all rows."
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
