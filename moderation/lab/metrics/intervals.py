"""Computes figures with n, number of groups and a bootstrap interval over groups, or "not supported"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 500
LEAST_GROUPS = 20
# A threshold at a false-positive rate needs at least this many human texts above it, on average.
LEAST_EXPECTED_ABOVE = 5.0

Scores = NDArray[np.floating]


def weighted_auroc(scores: Scores, labels: NDArray[np.int64], weights: Scores) -> float:
    """Return the AUROC with *weights*, shape (texts,); ties count half."""
    _, place = np.unique(scores, return_inverse=True)
    human = np.bincount(place, weights * (labels == 0))
    machine = np.bincount(place, weights * (labels == 1))
    below = np.cumsum(human) - human
    total = human.sum() * machine.sum()
    return float(((below + human / 2) * machine).sum() / total) if total else float("nan")


def weighted_tpr(scores: Scores, labels: NDArray[np.int64], weights: Scores, fpr: float) -> float:
    """Return the weighted share of machine texts strictly above the lowest threshold with *fpr* at most on humans."""
    values, place = np.unique(scores, return_inverse=True)
    human = np.bincount(place, weights * (labels == 0), len(values))
    machine = np.bincount(place, weights * (labels == 1), len(values))
    above_human = human.sum() - np.cumsum(human)
    above_machine = machine.sum() - np.cumsum(machine)
    if not human.sum() or not machine.sum():
        return float("nan")
    allowed = np.flatnonzero(above_human <= fpr * human.sum() + 1e-9)
    return float(above_machine[allowed[0]] / machine.sum())


def figures_of(scores: Scores, labels: NDArray[np.int64], groups: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Return AUROC and TPR at 5, 1 and 0.1 % FPR of one source, each with n and a 95 % interval over groups.

    A TPR reads "not supported" where fewer than 5 human texts are expected above its threshold, an interval where
    there are fewer than 20 groups.
    """
    names, member = np.unique(np.array(groups), return_inverse=True)
    humans = int((labels == 0).sum())
    ones = np.ones(len(scores))
    resampled = resampled_weights(member, len(names), seed)
    result: dict[str, Any] = {
        "humans": humans,
        "machines": int((labels == 1).sum()),
        "groups": len(names),
        "auroc": round(weighted_auroc(scores, labels, ones), 4),
        "auroc_interval": _interval([weighted_auroc(scores, labels, weights) for weights in resampled], len(names)),
    }
    for fpr, name in ((0.05, "tpr_at_5_percent"), (0.01, "tpr_at_1_percent"), (0.001, "tpr_at_0.1_percent")):
        if humans * fpr < LEAST_EXPECTED_ABOVE:
            result[name] = f"not supported (n={humans})"
            continue
        result[name] = round(weighted_tpr(scores, labels, ones, fpr), 4)
        result[f"{name}_interval"] = _interval(
            [weighted_tpr(scores, labels, weights, fpr) for weights in resampled], len(names)
        )
    return result


def resampled_weights(member: NDArray[np.intp], groups: int, seed: int) -> list[Scores]:
    """Return for each resample of groups the weight of every text; an empty list where there are too few groups.

    *member* is the group of each text, as a number below *groups*; shape (texts,).
    """
    rng = np.random.default_rng(seed)
    return [
        rng.multinomial(groups, np.full(groups, 1 / groups))[member].astype(float)
        for _ in range(_RESAMPLES if groups >= LEAST_GROUPS else 0)
    ]


def _interval(values: list[float], groups: int) -> list[float] | str:
    if not values:
        return f"not supported (groups={groups})"
    return [round(float(bound), 4) for bound in np.nanquantile(values, [0.025, 0.975])]
