"""Computes a share with its n and a 95 % interval that takes groups of similar texts into account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.lab.metrics.intervals import LEAST_GROUPS, resampled_weights
from moderation.risk.clopper_pearson import interval

INTERVAL_METHOD = (
    "95 %, Clopper-Pearson where every text is a separate group; otherwise a bootstrap over groups, never narrower "
    f"than Clopper-Pearson; not supported below {LEAST_GROUPS} groups"
)


def share_of(hits: NDArray[np.bool_], groups: Sequence[str] | NDArray[np.str_], seed: int = 0) -> dict[str, Any]:
    """Return n, groups, the share of *hits* and its interval by INTERVAL_METHOD; there must be at least one text.

    The bootstrap alone gives an interval of width zero for a share of 0; Clopper-Pearson alone treats texts of one
    author as independent.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    result: dict[str, Any] = {"n": len(hits), "groups": len(names), "share": round(float(hits.mean()), 4)}
    low, high = interval(int(hits.sum()), len(hits))
    if len(names) < len(hits):
        resampled = resampled_weights(member, len(names), seed)
        if not resampled:
            return {**result, "interval": f"not supported (groups={len(names)})"}
        shares = [float(weights @ hits / weights.sum()) for weights in resampled]
        lowest, highest = np.quantile(shares, [0.025, 0.975])
        low, high = min(low, float(lowest)), max(high, float(highest))
    return {**result, "interval": [round(low, 4), round(high, 4)]}
