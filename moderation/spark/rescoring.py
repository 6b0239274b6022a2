"""Judges frozen vectors and scores texts again, with one model or detector in each Python worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pyspark.sql import functions as F  # noqa: N812  # as in Spark's documentation

from moderation.detector import Detector, load_detector
from moderation.errors import InputError
from moderation.features import FEATURES_VERSION
from moderation.risk.bundle import read_bundle
from moderation.risk.manifest import Policy
from moderation.risk.model import BundledRiskModel

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

VECTORS = {
    "platform_id": "string",
    "account_id": "string",
    "post_id": "string",
    "risk": "double",
    "flagged": "boolean",
    "verdict": "string",
    "probability": "double",
    "features_version": "string",
    "detector_version": "string",
    "features": "array<double>",
}
"""The columns of `moderation vectors export` that are read, with their types."""
_JUDGED = ("platform_id", "account_id", "post_id", "risk", "flagged", "verdict", "probability")
_TEXTS = "account_id string, post_id string, synthetic_logit double, synthetic_score double, content_abstained string"


@lru_cache(maxsize=1)
def _model(risk: Path, policy: Policy) -> BundledRiskModel:
    return read_bundle(risk, policy=policy)


@lru_cache(maxsize=1)
def _detector(bundle: Path | None, max_text_bytes: int) -> Detector:
    return load_detector(bundle, max_text_bytes=max_text_bytes, threads=1)


def judged_again(vectors: DataFrame, risk: Path, policy: Policy) -> DataFrame:
    """Return the stored judgements of *vectors* beside those of the bundle *risk*: new_risk and newly_flagged.

    Vectors of another detector or of other features are left out. *risk* must be the same directory on every worker.
    Raises InputError where a column is missing, BundleError where the bundle cannot be used.
    """
    lacking = sorted(set(VECTORS) - set(vectors.columns))
    if lacking:
        raise InputError(
            f"the vectors have no column {', '.join(lacking)}; write them with `moderation vectors export`"
        )
    detector_hash = _model(risk, policy).detector_hash

    def rows(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            found = frame[list(_JUDGED)].copy()
            features = np.array(frame["features"].tolist(), dtype=np.float64).reshape(len(frame), -1)
            judgements = list(_model(risk, policy).assess(features)) if len(frame) else []
            found["new_risk"] = np.array([one.risk for one in judgements], dtype=np.float64)
            found["newly_flagged"] = np.array([one.flagged for one in judgements], dtype=np.bool_)
            yield found

    read = vectors.select([F.col(name).cast(kind) for name, kind in VECTORS.items()])
    read = read.where((F.col("features_version") == FEATURES_VERSION) & (F.col("detector_version") == detector_hash))
    schema = ", ".join(f"{name} {VECTORS[name]}" for name in _JUDGED)
    return read.mapInPandas(rows, f"{schema}, new_risk double, newly_flagged boolean")


def counted(judged: DataFrame) -> dict[str, float]:
    """Return the counts of `moderation replay` for judged vectors: flags, samples, and verdicts of people."""
    flagged, newly = F.col("flagged"), F.col("newly_flagged")
    against_before = F.col("verdict") == F.when(flagged, "not_a_violation").otherwise("confirmed")
    against_after = F.col("verdict") == F.when(newly, "not_a_violation").otherwise("confirmed")
    given = F.coalesce(F.when(F.col("probability") > 0, F.col("probability")), F.lit(1.0))
    counts = {
        "judged": F.lit(1.0),
        "flags": flagged,
        "kept_flags": flagged & newly,
        "samples": ~flagged,
        "new_flags": ~flagged & newly,
        "posts_newly_flagged": (~flagged & newly).cast("double") / given,
        "with_verdict": F.col("verdict").isNotNull(),
        "contradicted_before": against_before,
        "contradicted_after": against_after,
    }
    sums = [F.coalesce(F.sum(one.cast("double")), F.lit(0.0)).alias(name) for name, one in counts.items()]
    row = judged.agg(*sums).first()
    return {name: float(row[name]) for name in counts}


def scored(posts: DataFrame, bundle: Path | None, max_text_bytes: int) -> DataFrame:
    """Return the ids of *posts* with the score of their text, as `moderation score --content-only` gives it.

    *posts* has the columns of `Records.posts`; *bundle* must be the same directory on every worker, None for the
    shipped detector. Raises BundleError where it cannot be used.
    """
    _detector(bundle, max_text_bytes)

    def rows(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            scores = _detector(bundle, max_text_bytes).score(frame["text"].tolist(), frame["lang"].tolist())
            yield pd.DataFrame(
                {
                    "account_id": frame["account_id"],
                    "post_id": frame["post_id"],
                    "synthetic_logit": [one.logit for one in scores],
                    "synthetic_score": [one.probability for one in scores],
                    "content_abstained": [one.abstained for one in scores],
                }
            )

    return posts.mapInPandas(rows, _TEXTS)
