"""The two figures that a detector is judged by within a source."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auroc(human: NDArray[np.floating], machine: NDArray[np.floating]) -> float:
    """Return the probability that a machine text scores above a human one, ties counting half (Mann–Whitney)."""
    ranks = rankdata(np.concatenate([human, machine]))[len(human) :]
    above = float(ranks.sum()) - len(machine) * (len(machine) + 1) / 2
    return above / (len(human) * len(machine))


def tpr_at_fpr(human: NDArray[np.floating], machine: NDArray[np.floating], fpr: float) -> float:
    """Return the share of machine texts strictly above the threshold that at most *fpr* of human texts exceed."""
    allowed = int(np.floor(fpr * len(human)))
    threshold = np.sort(human)[::-1][allowed]
    return float(np.mean(machine > threshold))
