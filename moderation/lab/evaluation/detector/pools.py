"""Computes the false-positive rate of one threshold on the human texts of every source (a pool)."""

from __future__ import annotations

from typing import Any

from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.metrics.shares import share_of
from moderation.lab.metrics.thresholds import threshold_at

POOL_FPR = 0.01


def pooled_threshold(scored: ScoredRows) -> float:
    """Return the threshold above which at most 1 % of all human texts lie."""
    return threshold_at(scored.scores[scored.labels == 0], POOL_FPR)


def human_pools(scored: ScoredRows, threshold: float) -> dict[str, dict[str, Any]]:
    """Return for each source with human texts the share above *threshold*, with n and interval."""
    pools = {}
    for source in scored.sources_with(0):
        pool = (scored.sources == source) & (scored.labels == 0)
        share = share_of(scored.scores[pool] > threshold, scored.groups[pool])
        pools[source] = {"fpr" if name == "share" else name: value for name, value in share.items()}
    return pools


def worst_pool(pools: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the pool with the highest FPR and its name; of several the first by name."""
    name = max(sorted(pools), key=lambda pool: float(pools[pool]["fpr"]))
    return {"pool": name, **pools[name]}
