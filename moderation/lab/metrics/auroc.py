"""The figure that a detector is judged by within a source where no threshold is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auroc(human: NDArray[np.floating], machine: NDArray[np.floating]) -> float:
    """Return the probability that a machine text scores above a human one, ties counting half (Mann–Whitney)."""
    ranks = rankdata(np.concatenate([human, machine]))[len(human) :]
    above = float(ranks.sum()) - len(machine) * (len(machine) + 1) / 2
    return above / (len(human) * len(machine))
