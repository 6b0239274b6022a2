"""Computes the AUROC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auroc(human: NDArray[np.floating], machine: NDArray[np.floating]) -> float:
    """Return the probability that a machine text scores above a human text; ties count half (Mann–Whitney)."""
    ranks = rankdata(np.concatenate([human, machine]))[len(human) :]
    above = float(ranks.sum()) - len(machine) * (len(machine) + 1) / 2
    return above / (len(human) * len(machine))
